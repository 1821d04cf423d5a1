// The whole command line, without running it: commands, options, help.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { showDoor } from '../trace/door.ts';
import { colorsFor } from './colors.ts';
import { kanmon } from './kanmon.ts';
import { addRun } from './run.ts';
import { addTable } from './table.ts';
import { addTrace } from './trace.ts';
import { OPTIONAL_VALUES } from './trace-options.ts';

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
export const commandLine = (complain: (message: string) => void): Command =>
  kanmon(complain, (program) => {
    program.version(version(), '-V, --version').addHelpText(
      'after',
      `
Examples:
  kanmon run -- /bin/ls -l /
  kanmon run -it bash
  kanmon trace -e trace=%file ls
  kanmon table write`,
    );
    addRun(program, complain, showDoor);
    addTrace(program, complain);
    addTable(program, () => colorsFor(process.stdout));
  });

/** Per command: long options whose value may be left out, and what they mean then. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  run: { '--show-door': 'write' },
  trace: OPTIONAL_VALUES,
};

/** Whether the value of this option, or of the last in a cluster of letters, is the next word. */
const takesNext = (command: Command, token: string): boolean => {
  if (token.startsWith('--')) return command.options.find((o) => o.long === token)?.required === true;
  for (let i = 1; i < token.length; i++) {
    const option = command.options.find((o) => o.short === `-${token[i]}`);
    if (option === undefined) return false;
    if (option.required) return i === token.length - 1;
  }
  return false;
};

/** What follows `-v` of `kanmon run`, and no program's name. */
const VOLUME = /^[^:]+:\/[^:]*(:r[ow])?$/;

/**
 * Options that may stand without a value must not take the program's name for one, as commander's optional values would:
 * among the options before the program they are given their defaults here.
 */
export const withDefaults = (program: Command, argv: readonly string[]): string[] => {
  const out = [...argv];
  const command = program.commands.find((c) => c.name() === out[0]);
  const defaults = DEFAULTS[out[0] ?? ''];
  if (command === undefined || defaults === undefined) return out;
  for (let i = 1; i < out.length; i++) {
    const token = out[i] as string;
    if (!token.startsWith('-') || token === '--') break;
    const value = Object.hasOwn(defaults, token) ? defaults[token] : undefined;
    // In `kanmon trace` it is strace's -v, but a volume behind it says that ours is meant.
    if (token === '-v' && out[0] === 'trace' && VOLUME.test(out[i + 1] ?? '')) out[i++] = '--volume';
    else if (value !== undefined) out[i] = `${token}=${value}`;
    else if (takesNext(command, token)) i++;
  }
  return out;
};
