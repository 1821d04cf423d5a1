// How the command line begins and ends. Mistakes and failures end with one line on standard error and status 125.

import { type Command, CommanderError } from 'commander';
import { printable } from '../abi/printable.ts';
import { colorsFor } from './colors.ts';
import { EXIT, UsageError } from './options.ts';

/** Parses our arguments with what `commandLine` makes, does what they say, and ends the process. */
export const enter = async (
  commandLine: (complain: (message: string) => void) => Command,
  prepared: (program: Command, argv: readonly string[]) => readonly string[] = (_program, argv) => argv,
): Promise<void> => {
  // To make a stream takes longer than to parse the command line: only when there is something to say.
  const complain = (message: string): void => {
    process.stderr.write(`${colorsFor(process.stderr).red('kanmon:')} ${printable(message)}\n`);
  };
  try {
    const program = commandLine(complain);
    await program.parseAsync(prepared(program, process.argv.slice(2)), { from: 'user' });
  } catch (e) {
    if (e instanceof CommanderError) {
      // Help and version have been printed; so have mistakes, by commander itself.
      process.exitCode = e.exitCode === 0 ? 0 : EXIT.ownFailure;
    } else {
      complain(
        e instanceof UsageError
          ? e.message
          : `internal failure: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}`,
      );
      process.exitCode = EXIT.ownFailure;
    }
  }
  // Standard input may still be open on a terminal, which would keep the process alive.
  process.exit();
};
