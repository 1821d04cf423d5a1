// `kanmon run`: runs a Linux program, with the options of docker run.

import type { Command } from 'commander';
import { ARCHITECTURES } from '../abi/numbers/index.ts';
import type { showDoor } from '../trace/door.ts';
import { bytes, environment, type SessionOptions, tier, UsageError, volume } from './options.ts';
import { runProgram } from './session.ts';

interface RunOptions extends SessionOptions {
  /** The name of a call. */
  readonly showDoor?: string;
}

const doorName = (name: string): string => {
  if (!ARCHITECTURES.x86_64.numbers().some(([, n]) => n === name)) {
    throw new UsageError(`--show-door=${name}: there is no such system call (see kanmon table)`);
  }
  return name;
};

/** Adds `run`; whoever leaves `narrate` out has seen to it that there is no --show-door. */
export const addRun = (
  program: Command,
  complain: (message: string) => void,
  narrate?: typeof showDoor,
): void => {
  program
    .command('run')
    .summary('run a Linux program')
    .description(
      'Runs an unmodified x86-64 Linux program. It sees the system folders of this machine, read-only under an ' +
        'in-memory layer; nothing is written to the host unless -v says so.',
    )
    .argument('<program>', 'a name in the PATH of the machine, or a path')
    .argument('[args...]', "the program's arguments")
    .option('--rootfs <dir>', 'use this folder as the root instead of the system folders')
    .option(
      '-v, --volume <src:dst[:ro]>',
      'show a host folder or file in the machine; writes go to the host',
      volume,
    )
    .option('-w, --workdir <dir>', 'directory to start in')
    .option(
      '-e, --env <name[=value]>',
      'set an environment variable, or pass ours on',
      environment(process.env),
    )
    .option('-u, --user <user[:group]>', 'run as this user (a name or a number)')
    .option('-i, --interactive', 'pass our standard input on (otherwise it is empty)')
    .option('-t, --tty', 'give the program a terminal')
    .option('--hostname <name>', 'host name in the machine')
    .option('--memory <size>', 'physical memory of the machine, such as 512m or 2g', bytes)
    .option('--tier <tier>', 'how code is executed: interpreter, translator or mixed', tier)
    .option('--stats', 'at the end, say what it took and which system calls were missing')
    .option(
      '--show-door <call>',
      'narrate the first call of this name (--show-door=openat); --show-door alone: write',
    )
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Options after the program belong to the program.

Examples:
  kanmon run -- /bin/ls -l /
  kanmon run python3 -c 'print(6 * 7)'
  kanmon run -it bash
  echo hello | kanmon run -i tr a-z A-Z
  kanmon run -v "$PWD:/work" -w /work make
  kanmon run --rootfs ./alpine -it /bin/sh
  kanmon run --show-door echo hello

Exit status: the program's own; 128 + number of the signal that killed it; 127 when the program is not found,
126 when it cannot be executed, 125 when kanmon itself fails.`,
    )
    .action(async (name: string, args: readonly string[], options: RunOptions) => {
      const door = options.showDoor === undefined ? null : doorName(options.showDoor);
      let told = false;
      const tell = (text: string): void => {
        told = true;
        process.stderr.write(`\n${text}\n`);
      };
      process.exitCode = await runProgram(
        [name, ...args],
        options,
        {
          attach: (machine) => {
            if (door !== null) narrate?.(machine.kernel, machine.gate, door, tell);
          },
          ended: () => {
            if (door !== null && !told) complain(`--show-door=${door}: the program made no such call`);
          },
        },
        complain,
      );
    });
};
