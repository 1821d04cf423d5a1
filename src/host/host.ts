// What a machine needs of the place it runs in. Node's implementation is node.ts; a browser's would be another.

import type { Clock } from '../ring0/clock.ts';
import type { HostFiles } from '../ring0/fs/host-files.ts';
import type { Tier } from '../ring3/cpu.ts';
import type { CoreImage } from '../ring3/processor.ts';
import type { CodeStore } from '../ring3/translate/kept.ts';
import type { TranslationService } from '../ring3/translate/translator.ts';

export interface Host {
  readonly clock: Clock;
  entropy(into: Uint8Array): void;
  /** The core module made at build time, if there is one. */
  readonly core: CoreImage | null;
  /** Translates on another thread; null where there is none. */
  translations(): (TranslationService & { close(): void }) | null;
  /** Where translations of a tier are kept for later machines; null where nowhere. */
  translated(tier: Tier): CodeStore | null;
  /** Host folders; null where there are none. */
  readonly files: HostFiles | null;
  /** Lets the host's event loop run once. */
  turn(): Promise<void>;
  /** Resolves after `ms`, or at once when `wake` is called. */
  sleep(ms: number | null): { readonly done: Promise<void>; wake(): void };
  /** Tells of a mistake in Kanmon itself; one line. */
  report(text: string): void;
  /** Physical memory to give a machine by default, in bytes. */
  readonly memoryBytes: number;
  /** Memory of that size, if it has been made ahead; it is handed out once. */
  takeMemory?(): WebAssembly.Memory | null;
}
