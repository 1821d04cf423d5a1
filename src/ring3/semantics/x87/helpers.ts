// The x87 instructions themselves, as helpers; see operands.ts for their argument.

import type { CpuState, Helper, HelperTable } from '../../helpers.ts';
import { CPU, OFF } from '../../layout.ts';
import { add, div, F80, mul, roundToIntegral, sqrt, sub } from '../../softfloat/index.ts';
import { arithmetic, binaryPop, comparison, examine, unary } from './arithmetic.ts';
import {
  initialize,
  loadControl,
  restoreAll,
  restoreEnvironment,
  saveAll,
  storeEnvironment,
} from './control.ts';
import {
  andPush,
  arctangent,
  extract,
  logarithm,
  logarithmPlusOne,
  power,
  reduction,
  scale,
  trigonometric,
} from './functions.ts';
import {
  CONSTANTS,
  constant,
  exactConstant,
  exchange,
  load,
  loadBcd,
  moveIf,
  store,
  storeBcd,
} from './moves.ts';
import { dest, HERE_SLOT, MEM, mem, ONE, SIGN, silent, swapped, waiting } from './operands.ts';
import * as st from './state.ts';

const { FSW } = st;

const reversedSub = swapped(sub);
const reversedDiv = swapped(div);

const noted: HelperTable = {
  fadd: arithmetic(add),
  fmul: arithmetic(mul),
  fsub: arithmetic(sub),
  fsubr: arithmetic(reversedSub),
  fdiv: arithmetic(div),
  fdivr: arithmetic(reversedDiv),
  fcom: comparison(false, false),
  fucom: comparison(true, false),
  fcomi: comparison(false, true),
  fucomi: comparison(true, true),
  ftst: comparison(false, false, true),
  fld: load,
  fst: store(false),
  fisttp: store(true),
  fxch: exchange,
  fcmov: moveIf(true),
  fcmovNot: moveIf(false),
  fchs: unary((v) => v ^ SIGN),
  fabs: unary((v) => v & ~SIGN),
  fsqrt: unary((v, env) => sqrt(F80, v, env)),
  frndint: unary((v, env) => roundToIntegral(F80, v, env)),
  f2xm1: power,
  fyl2x: binaryPop(logarithm),
  fyl2xp1: binaryPop(logarithmPlusOne),
  fpatan: binaryPop(arctangent),
  fsin: trigonometric('sin'),
  fcos: trigonometric('cos'),
  fsincos: andPush('sin', 'cos'),
  fptan: andPush('tan', 'one'),
  fprem: reduction(false),
  fprem1: reduction(true),
  fscale: scale,
  fxtract: extract,
  fnop: waiting(() => {}),
  fxam: examine,
  fld1: exactConstant(ONE),
  fldz: exactConstant(0n),
  ...Object.fromEntries(Object.entries(CONSTANTS).map(([name, c]) => [name, constant(c)])),
  fbld: loadBcd,
  fbstp: storeBcd,
  ffree: waiting((cpu, arg) => {
    st.free(cpu, dest(arg));
    st.setConditions(cpu, 0, FSW.C1);
  }),
  /** FSTP to a register without a look at whether ST(0) is empty: then nothing is stored. */
  fstpnce: waiting((cpu, arg) => {
    st.setConditions(cpu, 0, FSW.C1);
    if (!st.isEmpty(cpu, 0)) st.setBits(cpu, dest(arg), st.bitsOf(cpu, 0));
    st.pop(cpu);
  }),
  ffreep: waiting((cpu, arg) => {
    st.setConditions(cpu, 0, FSW.C1);
    st.free(cpu, dest(arg));
    st.pop(cpu);
  }),
  fincstp: waiting((cpu) => {
    st.setTop(cpu, st.top(cpu) + 1);
    st.setConditions(cpu, 0, FSW.C1);
  }),
  fdecstp: waiting((cpu) => {
    st.setTop(cpu, st.top(cpu) - 1);
    st.setConditions(cpu, 0, FSW.C1);
  }),
};

const FIP = (CPU + OFF.fip) >>> 3;
const FDP = (CPU + OFF.fdp) >>> 3;
const FOP = (CPU + OFF.fop) >>> 1;
const FS_BASE = (CPU + OFF.fsBase) >>> 3;
const GS_BASE = (CPU + OFF.gsBase) >>> 3;
const HERE = (CPU + OFF.scratch + 16 * HERE_SLOT) >>> 3;
/** Prefixes before an x87 opcode. */
const isPrefix = (b: number): boolean =>
  (b & 0xf0) === 0x40 || [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3].includes(b);

/**
 * The 11 bits of FOP, the low ones of the first opcode byte and the second, and the base of the segment that a prefix
 * names: FDP is an offset in that (seen on the processor).
 */
const opcodeAt = (cpu: CpuState, address: number): { opcode: number; base: bigint } => {
  let base = 0n;
  for (let at = address; at < address + 14; at++) {
    const b = cpu.load(at, 2);
    if (!b) break;
    const [first, second] = b as unknown as [number, number];
    if (!isPrefix(first)) return { opcode: ((first & 7) << 8) | second, base };
    if (first === 0x64) base = cpu.u64[FS_BASE] as bigint;
    if (first === 0x65) base = cpu.u64[GS_BASE] as bigint;
  }
  return { opcode: 0, base };
};

/**
 * Instructions that are no control ones leave their address in FIP; opcode and operand address only when they flag an
 * exception that is not masked (CPUID.7:EBX.FDP_EXCPTN_ONLY; FOP so by default, SDM volume 1, 8.1.9).
 */
const noting =
  (run: Helper): Helper =>
  (cpu, arg) => {
    const failed = run(cpu, arg);
    if (failed !== 0) return failed;
    const here = cpu.u64[HERE] as bigint;
    cpu.u64[FIP] = here;
    if ((st.fsw(cpu) & FSW.ES) === 0) return 0;
    const { opcode, base } = opcodeAt(cpu, Number(here));
    cpu.u16[FOP] = opcode;
    if (mem(arg) !== MEM.none) cpu.u64[FDP] = (cpu.u64[(CPU + OFF.helperAddress) >>> 3] as bigint) - base;
    return 0;
  };

export const x87Helpers = (): HelperTable => ({
  ...Object.fromEntries(Object.entries(noted).map(([name, run]) => [name, noting(run)])),
  fldcw: loadControl,
  fninit: initialize,
  fnclex: silent((cpu) => st.setFsw(cpu, st.fsw(cpu) & 0x7f00)),
  fnstenv: storeEnvironment,
  fldenv: restoreEnvironment,
  fnsave: saveAll,
  frstor: restoreAll,
  x87wait: waiting(() => {}),
});
