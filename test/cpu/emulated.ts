// Our processor as a function from cases to outcomes: a bare Cpu over the same code and data pages, in one of
// the tiers, without a kernel.

import { type Cpu, PTE, type Tier } from '../../src/ring3/cpu.ts';
import type { Insn } from '../../src/ring3/decode/insn.ts';
import { CONTEXT_BYTES, CPU, OFF, PAGE, STATUS } from '../../src/ring3/layout.ts';
import { createCpu } from '../../src/ring3/processor.ts';
import { helpers, semantics } from '../../src/ring3/semantics/index.ts';
import { MXCSR_TRACKED, needsExactFp } from '../../src/ring3/semantics/simd/mxcsr.ts';
import { createTranslator } from '../../src/ring3/translate/translator.ts';
import {
  baseline,
  CODE,
  DATA,
  DATA_BYTES,
  differencesOf,
  entryOf,
  FX_BYTES,
  MAX_CODE,
  type Outcome,
  SLOT,
  SLOTS,
  type State,
  WRITABLE,
} from './records.ts';

/** How many blocks a case may enter before it counts as endless. */
const BUDGET = 200_000;

export interface Case {
  readonly code: Uint8Array;
  readonly state: State;
  /** Tracks MXCSR's sticky flags and honours its modes, whatever its value. */
  readonly exactFp: boolean;
}

export interface Machine {
  /** Puts the code of cases into slots 0 and up, and runs them. At most SLOTS. */
  run(cases: readonly Case[]): Outcome[];
  /** Regions translated so far. */
  regions(): number;
  /** Instructions that were met and have no semantics. */
  readonly missing: Insn[];
}

const fxBytes = new Uint8Array(512);

export const createMachine = (tier: Exclude<Tier, 'mixed'>): Machine => {
  const missing: Insn[] = [];
  let called = false;
  const cpu: Cpu = createCpu({
    memoryBytes: 64 << 20,
    tier,
    semantics,
    helpers,
    hooks: {
      syscall: () => {
        called = true;
        return false;
      },
      pageFault: () => false,
    },
    needsExactFp,
    translator: createTranslator(semantics, helpers),
    missing: (insn) => missing.push(insn),
  });
  const { frames } = cpu;
  const table = cpu.newPageTable();
  const frameOf = new Map<number, number>();
  const map = (address: number, bytes: number, access: number): void => {
    for (let a = address; a < address + bytes; a += PAGE) {
      const frame = frames.allocZeroed();
      frameOf.set(a, frame);
      table.set(a / PAGE, frame, access);
    }
  };
  map(CODE, SLOT * SLOTS, PTE.read | PTE.write | PTE.exec);
  map(DATA, WRITABLE, PTE.read | PTE.write);
  map(DATA + WRITABLE, DATA_BYTES - WRITABLE, PTE.read);
  cpu.switchTo(table);
  const place = (address: number): number => {
    const frame = frameOf.get(address - (address % PAGE));
    if (frame === undefined) throw new Error('address outside of the mapped pages');
    return frame * PAGE + (address % PAGE);
  };
  const setData = (offset: number, bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length; ) {
      const to = place(DATA + offset + done);
      const n = Math.min(bytes.length - done, PAGE - (to % PAGE));
      frames.u8.set(bytes.subarray(done, done + n), to);
      done += n;
    }
  };
  setData(0, baseline);

  const context = new Uint8Array(CONTEXT_BYTES);
  const view = new DataView(context.buffer);
  const data = new Uint32Array(WRITABLE / 4);

  const runOne = (slot: number, c: Case): Outcome => {
    const { state } = c;
    cpu.reset(context);
    for (let r = 0; r < 16; r++) view.setBigUint64(OFF.gpr + 8 * r, state.gpr[r] ?? 0n, true);
    view.setBigUint64(OFF.rip, BigInt(entryOf(slot)), true);
    view.setBigUint64(OFF.fsBase, BigInt(state.fsBase), true);
    view.setBigUint64(OFF.gsBase, BigInt(state.gsBase), true);
    const mxcsr = new DataView(state.fx.buffer, state.fx.byteOffset).getUint32(24, true);
    const field = c.exactFp ? mxcsr | MXCSR_TRACKED : mxcsr;
    view.setUint32(OFF.mxcsr, field, true);
    view.setInt32(OFF.exactFp, needsExactFp(field) ? 1 : 0, true);
    cpu.load(context);
    fxBytes.fill(0);
    fxBytes.set(state.fx.subarray(0, FX_BYTES));
    cpu.loadFpu(fxBytes);
    frames.u32[(CPU + OFF.mxcsr) >> 2] = field;
    cpu.setRflags(state.rflags, 0xffffffff);
    for (const p of state.patches) setData(p.offset, p.bytes);

    called = false;
    let status: number;
    let thrown: string | null = null;
    try {
      status = cpu.run(BUDGET);
    } catch (e) {
      status = -1;
      thrown = e instanceof Error ? e.message : String(e);
    }
    const gpr = Array.from({ length: 16 }, (_, r) => cpu.gprBig(r));
    cpu.saveFpu(fxBytes);
    let changed = false;
    for (let page = 0; page < WRITABLE; page += PAGE) {
      const from = place(DATA + page);
      data.set(frames.u32.subarray(from >> 2, (from + PAGE) >> 2), page >> 2);
    }
    const memory = differencesOf(data);
    changed = memory.differences > 0;
    if (changed) setData(0, baseline.subarray(0, WRITABLE));
    const { exception } = cpu;
    cpu.save(context);
    return {
      gpr,
      rip: cpu.rip,
      rflags: cpu.rflags(),
      vector: status === STATUS.fault && !called ? exception.vector : -1,
      errorCode: exception.errorCode,
      address: exception.address,
      fsBase: Number(view.getBigUint64(OFF.fsBase, true)),
      gsBase: Number(view.getBigUint64(OFF.gsBase, true)),
      fx: fxBytes.slice(0, FX_BYTES),
      ...memory,
      thrown,
    };
  };

  return {
    missing,
    regions: () => cpu.stats.regions,
    run(cases) {
      if (cases.length > SLOTS) throw new Error('more cases than slots');
      const bytes = new Uint8Array(SLOT);
      cases.forEach((c, n) => {
        if (c.code.length > MAX_CODE) throw new Error('case too large');
        const at = place(CODE + n * SLOT);
        frames.willWrite(Math.floor(at / PAGE));
        bytes.fill(0xcc);
        bytes.set(c.code, entryOf(n) - (CODE + n * SLOT));
        frames.u8.set(bytes, at);
      });
      return cases.map((c, n) => runOne(n, c));
    },
  };
};
