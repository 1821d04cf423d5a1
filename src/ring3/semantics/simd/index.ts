// The vector instructions, MMX to SSE4.2, in one table, and the helpers that some of them call.

import type { SemanticsTable } from '../../emit.ts';
import type { HelperTable } from '../../helpers.ts';
import { convertSemantics } from './convert.ts';
import { floatSemantics } from './float.ts';
import { integerSemantics } from './integer.ts';
import { moveSemantics } from './move.ts';
import { shiftSemantics } from './shift.ts';
import { shuffleSemantics } from './shuffle.ts';

export { needsExactFp } from './mxcsr.ts';

export const simdSemantics: SemanticsTable = {
  ...moveSemantics,
  ...integerSemantics,
  ...shiftSemantics,
  ...shuffleSemantics,
  ...floatSemantics,
  ...convertSemantics,
};

export const simdHelpers: HelperTable = {};
