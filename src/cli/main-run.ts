// The entry for `kanmon run` without --show-door, which is most of what is started: traces, the table and its text are
// left out, because what a bundle has takes time to load although it is not used.

import { enter } from './entry.ts';
import { kanmon } from './kanmon.ts';
import { addRun } from './run.ts';

void enter((complain) => kanmon(complain, (program) => addRun(program, complain)));
