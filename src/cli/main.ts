// The entry of the command line with all its commands.

import { enter } from './entry.ts';
import { commandLine, withDefaults } from './program.ts';

void enter(commandLine, withDefaults);
