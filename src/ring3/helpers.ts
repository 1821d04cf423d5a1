// Instructions too rare or too intricate for generated code (x87, CPUID, REP strings, PCMPxSTRx, exact SSE
// arithmetic) are TypeScript functions over the CPU block. Both tiers reach them through `Emit.helper`.

/** What a helper sees of the processor. */
export interface CpuState {
  /** Views of linear memory; CPU block fields are at CPU + OFF.x (layout.ts). */
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u64: BigUint64Array;
  readonly dv: DataView;
  /** The helper's address argument, as a number (exact below 2^53; above, the access faults anyway). */
  address(): number;
  /** Copies n bytes (at most 1024) of guest memory into a scratch array valid until the next call; null after a fault was raised. */
  load(address: number, n: number): Uint8Array | null;
  /** Writes guest memory, all or nothing; false after a fault was raised. */
  store(address: number, bytes: Uint8Array): boolean;
  /** Whether AC is set and an address that may be accessed is not a multiple of n, a power of two; it has raised #AC then. */
  misplaced(address: number, n: number): boolean;
  /**
   * Physical address of the byte at `address` for reading or writing, and how many bytes are contiguous
   * there (in `run`); 0 after a fault was raised. For bulk work such as REP MOVS.
   */
  span(address: number, write: boolean): number;
  /** Contiguous bytes from the last `span`: up to the end of its page. */
  run: number;
  /** The arithmetic flags, DF and the rest as an RFLAGS image; and back (mask: which bits). */
  rflags(): number;
  setRflags(value: number, mask: number): void;
  /** The time stamp counter; a processor without one counts reads. */
  tsc?(): bigint;
  /** Marks an exception pending and returns 1, so that a helper can `return cpu.raise(...)`. */
  raise(vector: number, errorCode?: number): number;
}

/** Returns 0, or 1 when it raised an exception or has put another STATUS in the CPU block: the instruction is left there. */
export type Helper = (cpu: CpuState, arg: number) => number;

export type HelperTable = Readonly<Record<string, Helper>>;

/** All of them, family by family. */
export type HelperFamilies = readonly (() => HelperTable)[];

/** Helpers by number, which is how generated code knows them: their place in the order of families. */
export interface NumberedHelpers {
  number(name: string): number;
  at(number: number): Helper;
}

/** Families are asked for in their order, as far as they are needed. */
export const numberHelpers = (families: () => HelperFamilies): NumberedHelpers => {
  const numbers = new Map<string, number>();
  const list: Helper[] = [];
  let asked = 0;
  /** Adds the next family; false when there is none. */
  const more = (): boolean => {
    const family = families()[asked++];
    if (!family) return false;
    for (const [name, helper] of Object.entries(family())) {
      if (numbers.has(name)) throw new Error(`${name} is defined twice`);
      numbers.set(name, list.length);
      list.push(helper);
    }
    return true;
  };
  const find = <T>(look: () => T | undefined, what: string): T => {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (!more()) throw new Error(`no helper ${what}`);
    }
  };
  return {
    number: (name) => find(() => numbers.get(name), name),
    at: (number) => list[number] ?? find(() => list[number], `number ${number}`),
  };
};
