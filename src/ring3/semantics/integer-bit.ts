// Bit tests and bit strings, scans, population count and CRC-32C. A bit test with a memory operand and a
// register offset addresses memory beyond the operand (Intel SDM volume 2, BT, and volume 1, figure 3-2).

import type { Insn, Width } from '../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../emit.ts';
import { i32, i64, type Val } from '../wasm/ir.ts';
import { clip, low32, operand, wide, widthOf, word, zero } from './integer-width.ts';

type Change = 'none' | 'set' | 'reset' | 'complement';

const changed = (w: Width, change: Change, x: Val, mask: Val): Val => {
  const k = word(w);
  if (change === 'set') return k.or(x, mask);
  if (change === 'reset') return k.and(x, k.xor(mask, k.const(-1)));
  return k.xor(x, mask);
};

const bitTest =
  (change: Change): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const s = operand(i, 1);
    const w = widthOf(d);
    const k = word(w);
    const bit = (x: Val, n: Val): Val => low32(k.and(k.shrU(x, n), k.const(1)));
    const mask = (n: Val): Val => k.shl(k.const(1), n);
    if (d.kind === 'mem' && s.kind !== 'imm') {
      const offset = e.let(e.readSigned(s));
      const log = w === 16 ? 4 : w === 32 ? 5 : 6;
      const bytes = i64.shl(i64.shrS(offset, i64.const(log)), i64.const(log - 3));
      // 32-bit addresses wrap before the segment base is added.
      const at = e.let(
        d.addressWidth === 64
          ? i64.add(e.address(d), bytes)
          : i64.add(
              i64.and(i64.add(e.lea(d), bytes), i64.const(0xffffffff)),
              i64.sub(e.address(d), e.lea(d)),
            ),
      );
      const n = e.let(zero(w, i32.and(i32.wrap(offset), i32.const(w - 1))));
      const x = e.let(change === 'none' ? e.load(w, at) : e.loadForWrite(w, at));
      if (change !== 'none') e.store(w, at, changed(w, change, x, mask(n)));
      e.setFlags({ cf: bit(x, n) });
      return;
    }
    const x = e.let(change === 'none' ? e.read(d) : e.readForWrite(d));
    const n = e.let(zero(w, i32.and(low32(e.read(s)), i32.const(w - 1))));
    const cf = e.let(bit(x, n));
    if (change !== 'none') e.write(d, clip(w, changed(w, change, x, mask(n))));
    e.setFlags({ cf });
  };

/** BSF and BSR: with a zero source the destination keeps its value, as processors do. */
const scan =
  (forward: boolean): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const k = word(w);
    const x = e.let(e.read(operand(i, 1)));
    const found = forward ? k.ctz(x) : k.sub(k.const(w === 64 ? 63 : 31), k.clz(x));
    e.if(k.ne(x, k.const(0)), () => e.write(d, found));
    // ZF is the only flag defined; the source as a logical result gives it at the least cost.
    e.flags('logic', w, x, x, x);
  };

const popcnt: Semantics = (e, i) => {
  const d = operand(i, 0);
  const k = word(widthOf(d));
  const x = e.let(e.read(operand(i, 1)));
  e.write(d, k.popcnt(x));
  const none = i32.const(0);
  e.setFlags({ zf: k.eqz(x), cf: none, of: none, sf: none, af: none, pf: none });
};

/** One byte of CRC-32C, reflected polynomial 0x82f63b78, eight steps unrolled. */
const crcByte = (e: Emit, crc: Val): void => {
  for (let n = 0; n < 8; n++) {
    const odd = i32.sub(i32.const(0), i32.and(crc, i32.const(1)));
    e.set(crc, i32.xor(i32.shrU(crc, i32.const(1)), i32.and(odd, i32.const(0x82f63b78 | 0))));
  }
};

const crc32: Semantics = (e, i: Insn) => {
  const d = operand(i, 0);
  const s = operand(i, 1);
  const bytes = widthOf(s) / 8;
  const data = e.let(e.read(s));
  const crc = e.variable('i32');
  e.set(crc, low32(e.read(d)));
  if (bytes === 8) {
    const half = e.variable('i32');
    e.set(half, i32.const(0));
    e.loop((l) => {
      e.set(crc, i32.xor(crc, i32.wrap(i64.shrU(data, i64.extendU(half)))));
      for (let b = 0; b < 4; b++) crcByte(e, crc);
      e.if(i32.eqz(half), () => {
        e.set(half, i32.const(32));
        l.again();
      });
    });
  } else {
    e.set(crc, i32.xor(crc, data));
    for (let b = 0; b < bytes; b++) crcByte(e, crc);
  }
  e.write(d, widthOf(d) === 64 ? wide(crc) : crc);
};

export const bitSemantics = (): SemanticsTable => ({
  bt: bitTest('none'),
  bts: bitTest('set'),
  btr: bitTest('reset'),
  btc: bitTest('complement'),
  bsf: scan(true),
  bsr: scan(false),
  popcnt,
  crc32,
});
