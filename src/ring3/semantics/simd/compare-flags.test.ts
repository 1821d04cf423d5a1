// The lazy flags of UCOMISD agree with the flags that the manual gives it, in every condition.

import { expect, test } from 'vitest';
import { conditionValue, flagsImage } from '../../flags.ts';
import { FLAG } from '../../layout.ts';
import { Code } from '../../wasm/code.ts';
import { i64, type Val } from '../../wasm/ir.ts';
import { ModuleBuilder } from '../../wasm/module.ts';

const { CF, PF, ZF } = FLAG;

/** Runs a function of two doubles that gives an i32. */
const run = (body: (a: Val, b: Val) => Val): ((a: number, b: number) => number) => {
  const mb = new ModuleBuilder();
  const code = new Code(['f64', 'f64']);
  const a = code.let(i64.reinterpretF64(code.param(0)));
  const b = code.let(i64.reinterpretF64(code.param(1)));
  code.return(body(a, b));
  mb.export('f', mb.func(['f64', 'f64'], ['i32'], code));
  const module = new WebAssembly.Module(mb.finish() as BufferSource);
  return new WebAssembly.Instance(module).exports.f as (a: number, b: number) => number;
};
const state = (a: Val, b: Val) => ({ kind: 'fcmp', width: 64, a, b, res: i64.const(0) }) as const;

const cases: readonly [number, number, number][] = [
  [1, 2, CF],
  [2, 1, 0],
  [2, 2, ZF],
  [0, -0, ZF],
  [NaN, 1, ZF | PF | CF],
  [1, NaN, ZF | PF | CF],
  [-Infinity, Infinity, CF],
];
/** Condition codes as the flags of UCOMISD make them, SF and OF being 0 (SDM volume 1, appendix B). */
const holds = (flags: number, cc: number): boolean => {
  const bits = [0, CF, ZF, CF | ZF, 0, PF, 0, ZF][cc >> 1] ?? 0;
  return ((flags & bits) !== 0) !== ((cc & 1) === 1);
};

test('flags', () => {
  const image = run((a, b) => flagsImage(state(a, b)));
  for (const [a, b, flags] of cases) expect(image(a, b)).toBe(flags);
});

test('conditions', () => {
  for (let cc = 0; cc < 16; cc++) {
    const condition = run((a, b) => conditionValue(state(a, b), cc));
    for (const [a, b, flags] of cases)
      expect([cc, a, b, condition(a, b)]).toEqual([cc, a, b, Number(holds(flags, cc))]);
  }
});
