// Whether two outcomes of a case agree in everything that the instructions define.

import { formatInsn, registerName } from '../../src/ring3/decode/format.ts';
import { ARITH_FLAGS, FLAG } from '../../src/ring3/layout.ts';
import {
  approximate,
  entersMmxBeforeFault,
  faultsInImage,
  jumpsAstray,
  uncertainStatus,
} from './differences.ts';
import { type Case, undefinedAfter } from './generate.ts';
import type { Outcome } from './records.ts';

const FLAGS_COMPARED = ARITH_FLAGS | FLAG.DF | FLAG.NT | FLAG.ID | FLAG.AC;
const PAGE_FAULT = 14;

const hex = (v: bigint | number): string => (v < 0 ? `-0x${(-v).toString(16)}` : `0x${v.toString(16)}`);
const hexBytes = (b: Uint8Array): string => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join(' ');
/** As registers are written: most significant byte first. */
const hexNumber = (b: Uint8Array): string => hexBytes(b.slice().reverse()).replaceAll(' ', '');

const FLAG_NAMES = Object.entries(FLAG);
const flagNames = (v: number): string =>
  FLAG_NAMES.filter(([, bit]) => (v & bit) !== 0)
    .map(([name]) => name)
    .join(' ');

/** The differences, one a line: field, the processor's value, ours. `ignored`: flags that do not count. */
export const differences = (
  c: Case,
  native: Outcome,
  ours: Outcome,
  ignored = undefinedAfter(c),
): string[] => {
  const out: string[] = [];
  const differ = (what: string, a: string, b: string): void => {
    if (a !== b) out.push(`${what}: ${a}, here ${b}`);
  };
  const at = (rip: number): string => hex(rip);
  if (jumpsAstray(c, native, ours) || faultsInImage(c, native, ours)) return [];
  // Neither ended.
  if (native.vector === -1 && ours.vector === -1 && ours.thrown === null) return [];
  if (ours.thrown !== null) return [`threw: ${ours.thrown}`];
  differ('vector', `${native.vector}`, `${ours.vector}`);
  differ('rip', at(native.rip), at(ours.rip));
  if (out.length === 0 && native.vector === PAGE_FAULT) {
    // What the kernel's half has at an address, and how an access wraps there, is nothing to compare.
    const user = native.address < 2 ** 47;
    const bits = user ? 0x17 : 0x16;
    differ('error code', hex(native.errorCode & bits), hex(ours.errorCode & bits));
    if (user) differ('fault address', hex(native.address), hex(ours.address));
  }
  for (let r = 0; r < 16; r++) differ(registerName(r, 64), hex(native.gpr[r] ?? 0n), hex(ours.gpr[r] ?? 0n));
  const mask = FLAGS_COMPARED & ~(native.vector === 3 || c.steps.length > 1 ? ignored : 0);
  differ('flags', flagNames(native.rflags & mask), flagNames(ours.rflags & mask));
  differ('fs base', hex(native.fsBase), hex(ours.fsBase));
  differ('gs base', hex(native.gsBase), hex(ours.gsBase));

  const a = new DataView(native.fx.buffer, native.fx.byteOffset);
  const b = new DataView(ours.fx.buffer, ours.fx.byteOffset);
  const lateFault = entersMmxBeforeFault(c, native);
  differ('fcw', hex(a.getUint16(0, true)), hex(b.getUint16(0, true)));
  if (!lateFault) {
    const status = 0xffff & ~uncertainStatus(c);
    differ('fsw', hex(a.getUint16(2, true) & status), hex(b.getUint16(2, true) & status));
    differ('ftw', hex(a.getUint8(4)), hex(b.getUint8(4)));
  }
  const stickyKept = c.exactFp ? 0xffff : 0xffc0;
  differ('mxcsr', hex(a.getUint32(24, true) & stickyKept), hex(b.getUint32(24, true) & stickyKept));
  for (let i = 0; i < 8 && !lateFault; i++) {
    const [x, y] = [native.fx.subarray(32 + 16 * i, 42 + 16 * i), ours.fx.subarray(32 + 16 * i, 42 + 16 * i)];
    if (!approximate(c, 'st', x, y)) differ(`st${i}`, hexNumber(x), hexNumber(y));
  }
  for (let i = 0; i < 16; i++) {
    const [x, y] = [
      native.fx.subarray(160 + 16 * i, 176 + 16 * i),
      ours.fx.subarray(160 + 16 * i, 176 + 16 * i),
    ];
    if (!approximate(c, 'xmm', x, y)) differ(`xmm${i}`, hexNumber(x), hexNumber(y));
  }
  if (native.hash !== ours.hash || native.differences !== ours.differences) {
    const words = [...new Set([...native.memory.keys(), ...ours.memory.keys()])].sort((p, q) => p - q);
    for (const w of words) {
      const [x, y] = [native.memory.get(w), ours.memory.get(w)];
      if (x !== y)
        out.push(
          `memory +${hex(w)}: ${x === undefined ? 'unchanged' : hex(x)}, here ${y === undefined ? 'unchanged' : hex(y)}`,
        );
    }
    if (native.differences !== ours.differences)
      differ('words changed', `${native.differences}`, `${ours.differences}`);
  }
  return out;
};

/** The case as text: bytes, instructions and the state before. */
export const describe = (c: Case): string => {
  const lines = [`bytes ${hexBytes(c.code)}`];
  for (const s of c.steps) lines.push(`  ${hex(s.insn.ip)}  ${formatInsn(s.insn)}    (${s.insn.row.text})`);
  const { state } = c;
  for (let r = 0; r < 16; r += 4) {
    lines.push(
      [r, r + 1, r + 2, r + 3].map((k) => `${registerName(k, 64)}=${hex(state.gpr[k] ?? 0n)}`).join('  '),
    );
  }
  lines.push(
    `flags ${flagNames(state.rflags)}  fs=${hex(state.fsBase)} gs=${hex(state.gsBase)}  exact=${c.exactFp}`,
  );
  const features = new Set(c.steps.map((s) => s.insn.row.feature));
  const fx = new DataView(state.fx.buffer, state.fx.byteOffset);
  if ([...features].some((f) => f === 'x87' || f === 'mmx' || f === 'fxsr')) {
    lines.push(
      `fcw=${hex(fx.getUint16(0, true))} fsw=${hex(fx.getUint16(2, true))} ftw=${hex(fx.getUint8(4))}`,
    );
    for (let i = 0; i < 8; i++)
      lines.push(`st${i}=${hexNumber(state.fx.subarray(32 + 16 * i, 42 + 16 * i))}`);
  }
  if ([...features].some((f) => f !== null && f !== 'x87')) {
    lines.push(`mxcsr=${hex(fx.getUint32(24, true))}`);
    const used = c.steps.flatMap((s) => s.insn.operands.flatMap((o) => (o.kind === 'xmm' ? [o.reg] : [])));
    for (const i of new Set([0, ...used])) {
      lines.push(`xmm${i}=${hexNumber(state.fx.subarray(160 + 16 * i, 176 + 16 * i))}`);
    }
  }
  for (const p of state.patches) lines.push(`data +${hex(p.offset)}: ${hexBytes(p.bytes)}`);
  return lines.join('\n');
};
