// Colours, on a terminal only. NO_COLOR and FORCE_COLOR decide as they do elsewhere (https://no-color.org,
// https://force-color.org).

export interface Colors {
  readonly bold: (s: string) => string;
  readonly dim: (s: string) => string;
  readonly red: (s: string) => string;
  readonly green: (s: string) => string;
  readonly yellow: (s: string) => string;
}

/** For what is written to `stream`. */
export const colorsFor = (stream: { readonly isTTY?: boolean }): Colors => {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const on = !NO_COLOR && (FORCE_COLOR ? true : stream.isTTY === true && TERM !== 'dumb');
  // Select Graphic Rendition (ECMA-48, 8.3.117): on and off again.
  const sgr =
    (begin: number, end: number) =>
    (s: string): string =>
      on ? `\x1b[${begin}m${s}\x1b[${end}m` : s;
  return { bold: sgr(1, 22), dim: sgr(2, 22), red: sgr(31, 39), green: sgr(32, 39), yellow: sgr(33, 39) };
};
