// The vector instructions, MMX to SSE4.2, in one table, and the helpers that some of them call.

import type { SemanticsTable } from '../../emit.ts';
import type { HelperTable } from '../../helpers.ts';
import { approximationSemantics } from './approx.ts';
import { convertSemantics } from './convert.ts';
import { cryptoHelpers, cryptoSemantics } from './crypto.ts';
import { exactHelpers } from './exact.ts';
import { floatSemantics } from './float.ts';
import { integerSemantics } from './integer.ts';
import { moveSemantics } from './move.ts';
import { shiftSemantics } from './shift.ts';
import { shuffleSemantics } from './shuffle.ts';
import { stringHelpers, stringSemantics } from './string-compare.ts';

export { needsExactFp } from './mxcsr.ts';

export const simdSemantics = (): SemanticsTable => ({
  ...moveSemantics(),
  ...integerSemantics(),
  ...shiftSemantics(),
  ...shuffleSemantics(),
  ...floatSemantics(),
  ...convertSemantics(),
  ...approximationSemantics(),
  ...stringSemantics(),
  ...cryptoSemantics(),
});

export const simdHelpers = (): HelperTable => ({ ...stringHelpers(), ...cryptoHelpers(), ...exactHelpers() });
