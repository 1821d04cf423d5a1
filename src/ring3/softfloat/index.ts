// Exact floating-point arithmetic for what the host's operators cannot do: other rounding modes, exception
// flags, denormals as zero, and the 80-bit format. Parameterised by format; see format.ts and env.ts.

export { add, div, mul, nanOf, nanResult, type Remainder, remainder, sqrt, sub } from './arithmetic.ts';
export { compare, convert, fromInteger, type Order, roundToIntegral, toInteger } from './convert.ts';
export { type Env, FP, RC, sseEnv, x87Env } from './env.ts';
export {
  defaultNan,
  F32,
  F64,
  F80,
  type Format,
  infinityBits,
  type Kind,
  quieted,
  type Unpacked,
  unpack,
  zeroBits,
} from './format.ts';
