// Who is compared: native, kanmon, and what else is installed. A system turns a command into one that runs it
// there; if it cannot, it says why.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The PATH of every system, which is also that of a machine. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The full path of a program; null when PATH does not have it. */
export const which = (name) => {
  if (name.includes('/')) return existsSync(name) ? name : null;
  for (const dir of PATH.split(':')) if (existsSync(`${dir}/${name}`)) return `${dir}/${name}`;
  return null;
};

const works = (command) => {
  const r = spawnSync(command[0], command.slice(1), { encoding: 'utf8', timeout: 30_000 });
  if (r.status === 0) return null;
  if (r.error) return r.error.message;
  return (r.stderr || r.stdout || `status ${r.status}`).trim().split('\n').at(-1).slice(0, 100);
};

/**
 * @typedef {object} System
 * @property {string} name
 * @property {(argv: readonly string[]) => readonly string[]} command
 * @property {string | null} absent why it is not measured
 * @property {boolean} [once] it is measured in the first of all runs alone
 */

/** @returns {readonly System[]} `dir` holds the prepared files; `kanmon` is the command line's main file. */
export const systems = (dir, kanmon) => {
  const kanmonMain = kanmon ?? fileURLToPath(new URL('../dist/kanmon.cjs', import.meta.url));
  const qemu = which('qemu-x86_64-static') ?? which('qemu-x86_64');
  const runsc = which('runsc');
  const all = [
    { name: 'native', command: (argv) => argv, absent: null },
    // The first finds no kept translations, those that follow what was kept of it.
    ...['first run', 'kanmon'].map((name) => ({
      name,
      command: (argv) => [process.execPath, kanmonMain, 'run', '-v', `${dir}:${dir}:ro`, '--', ...argv],
      absent: existsSync(kanmonMain) ? null : 'dist/ is missing: npm run build',
      once: name === 'first run',
    })),
    {
      name: 'qemu-user',
      command: (argv) => [qemu, ...argv],
      absent: qemu ? null : 'not installed (Debian: qemu-user-static)',
      childrenNative: true,
    },
    {
      name: 'gVisor',
      command: (argv) => [runsc, '--network=none', '--ignore-cgroups', '--platform=ptrace', 'do', ...argv],
      absent: runsc ? null : 'not installed (Debian: runsc)',
    },
  ];
  const probe = [`${dir}/hello`];
  return all.map((s) => ({ ...s, absent: s.absent ?? works(s.command(probe)) }));
};
