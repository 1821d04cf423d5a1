// The whole command line, without running it: commands, options, help.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { colorsFor } from './colors.ts';
import { addRun } from './run.ts';
import { addTable } from './table.ts';
import { addTrace } from './trace.ts';

/** From package.json, which is one folder up from dist/ and two from src/cli/. */
const version = (): string => {
  for (const up of ['..', '../..']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, up, 'package.json'), 'utf8'));
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
    } catch {}
  }
  return 'unknown';
};

/** The whole command line; `complain` gets messages for the caller, one line each. */
export const commandLine = (complain: (message: string) => void): Command => {
  const program = new Command('kanmon')
    .description(
      'Runs unmodified Linux programs on a kernel in TypeScript, and hands you its system call table.',
    )
    .version(version(), '-V, --version')
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
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  kanmon run -- /bin/ls -l /
  kanmon run -it bash
  kanmon trace -e trace=%file ls
  kanmon table write`,
    );
  addRun(program, complain);
  addTrace(program, complain);
  addTable(program, () => colorsFor(process.stdout));
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  return program;
};

/**
 * `--show-door` may stand without a value, but must not take the program's name for one, as an option with an
 * optional value would: among the options before the program it is given its default here.
 */
export const withDoorDefault = (program: Command, argv: readonly string[]): string[] => {
  const out = [...argv];
  const run = program.commands.find((c) => c.name() === out[0]);
  if (run === undefined) return out;
  for (let i = 1; i < out.length; i++) {
    const token = out[i] as string;
    if (!token.startsWith('-') || token === '--') break;
    if (token === '--show-door') out[i] = '--show-door=write';
    else if (run.options.find((o) => o.short === token || o.long === token)?.required) i++;
  }
  return out;
};
