// Colours, on a terminal only (picocolors also honours NO_COLOR and FORCE_COLOR).

import pc from 'picocolors';

export interface Colors {
  readonly bold: (s: string) => string;
  readonly dim: (s: string) => string;
  readonly red: (s: string) => string;
  readonly green: (s: string) => string;
  readonly yellow: (s: string) => string;
}

/** For what is written to `stream`. */
export const colorsFor = (stream: { readonly isTTY?: boolean }): Colors =>
  pc.createColors(pc.isColorSupported && (stream.isTTY === true || process.env.FORCE_COLOR !== undefined));
