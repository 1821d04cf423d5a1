// The command `kanmon` without its subcommands: how mistakes and help are told.

import { Command } from 'commander';

/** The command with those that `add` adds to it; `complain` gets messages for the caller, one line each. */
export const kanmon = (complain: (message: string) => void, add: (program: Command) => void): Command => {
  const program = new Command('kanmon')
    .description(
      'Runs unmodified Linux programs on a kernel in TypeScript, and hands you its system call table.',
    )
    .enablePositionalOptions()
    .configureOutput({
      // The console, unlike its stream, does not mind a reader that has seen enough: kanmon --help | head.
      writeOut: (text) => console.log(text.trimEnd()),
      outputError: (text) => {
        const one = text
          .trim()
          .replace(/^error: /, '')
          .replaceAll('\n', ' ');
        complain(`${one} (kanmon --help shows the commands, kanmon COMMAND --help their options)`);
      },
    })
    .exitOverride();
  add(program);
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  return program;
};
