import { describe, expect, test } from 'vitest';
import { i64, loadAt, local, type Val } from '../wasm/ir.ts';
import { Symbols } from './symbols.ts';

const rax = local('i64', 3);
const rcx = local('i64', 4);
const plus = (v: Val, n: number): Val => i64.add(v, i64.const(n));
const field = (offset: number): Val => loadAt('i64', 0x29, i64.const(0), offset);

/** How far b lies behind a, if that is known. */
const distance = (s: Symbols, a: Val, b: Val, epochs = [0, 0]): number | null => {
  const x = s.of(a, epochs[0] as number);
  const y = s.of(b, epochs[1] as number);
  return x.root === y.root ? y.offset - x.offset : null;
};

describe('symbolic values', () => {
  test('constants are apart from one base', () => {
    const s = new Symbols();
    expect(distance(s, plus(rax, 8), plus(rax, 24))).toBe(16);
    expect(distance(s, rax, i64.sub(rax, i64.const(8)))).toBe(-8);
    expect(distance(s, rax, rcx)).toBeNull();
  });

  test('a sum is the same in either order, and an index keeps its distance times the scale', () => {
    const s = new Symbols();
    const scaled = (v: Val): Val => i64.shl(v, i64.const(3));
    expect(distance(s, i64.add(rax, rcx), plus(i64.add(rcx, rax), 4))).toBe(4);
    expect(distance(s, i64.add(rax, scaled(rcx)), i64.add(rax, scaled(plus(rcx, 2))))).toBe(16);
    expect(distance(s, scaled(rcx), i64.shl(rcx, i64.const(2)))).toBeNull();
  });

  test('a local that takes a known value goes on from there', () => {
    const s = new Symbols();
    s.set(rcx.op, s.of(plus(rax, 8), 0));
    expect(distance(s, rax, rcx)).toBe(8);
    s.set(rax.op, s.of(plus(rax, 1), 0));
    expect(distance(s, rax, rcx)).toBe(7);
  });

  test('a local that takes an unknown value is another than before', () => {
    const s = new Symbols();
    const before = s.of(rax, 0);
    s.forget(rax.op);
    expect(s.of(rax, 0).root).not.toBe(before.root);
  });

  test('addresses of programs and of shared libraries are apart from each other', () => {
    const s = new Symbols();
    expect(distance(s, i64.const(0x404000), i64.const(0x404010))).toBe(16);
    expect(distance(s, i64.const(0x7ffff7dd0000), i64.const(0x7ffff7dd0018))).toBe(24);
    expect(distance(s, i64.const(0x404000), i64.const(0x7ffff7dd0000))).toBeNull();
  });

  test('fields of the CPU block hold until its epoch ends', () => {
    const s = new Symbols();
    const fs = loadAt('i64', 0x29, i64.const(0), 0x1090);
    expect(distance(s, fs, plus(fs, 40))).toBe(40);
    expect(distance(s, fs, fs, [1, 2])).toBeNull();
    expect(distance(s, fs, field(0x1098))).toBeNull();
  });

  test('paths that meet keep what both know', () => {
    const s = new Symbols();
    s.set(rcx.op, s.of(plus(rax, 8), 0));
    const other = s.fork(true);
    other.set(rcx.op, other.of(plus(rax, 16), 0));
    expect(distance(other, rax, rcx)).toBe(16);
    expect(distance(s, rax, rcx)).toBe(8);
    const root = s.of(rax, 0);
    s.meet(other);
    expect(s.of(rax, 0)).toEqual(root);
    expect(distance(s, rax, rcx)).toBeNull();
  });

  test('a fork that keeps nothing shares no roots with what it came from', () => {
    const s = new Symbols();
    const root = s.of(rax, 0);
    expect(s.fork(false).of(rax, 0).root).not.toBe(root.root);
  });
});
