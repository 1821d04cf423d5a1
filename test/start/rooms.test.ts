// What the command line loads at its first use (gen/lazy.mjs): programs that enter those rooms do the same in it as on
// Linux. The other suites run the library, which loads all at once.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compile, ENV, native, scratch } from '../harness.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const dir = scratch('rooms');

const PROGRAMS = [
  ...['ipc/sockets-stream', 'ipc/sockets-datagram', 'ipc/sockets-control', 'ipc/sockets-options'],
  ...['ipc/semaphores', 'ipc/messages', 'ipc/posix-mq', 'memory/sysv', 'memory/calls', 'tty/discipline'],
  ...['files/acl', 'files/aio', 'files/clone-range', 'files/locks', 'proc/self', 'time/alarm-clocks'],
  ...['cpu/x87-environment', 'cpu/wide-division', 'cpu/string-compare', 'cpu/single-step', 'cpu/fault-order'],
];

const inCommandLine = (program: string, tier: string) => {
  const env = Object.entries(ENV).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const argv = [
    join(root, 'dist/kanmon.cjs'),
    'run',
    '--memory',
    '1g',
    '--tier',
    tier,
    ...env,
    '--',
    program,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, {
    cwd: dir,
    encoding: 'latin1',
    env: { ...process.env, KANMON_CACHE: 'off' },
  });
  return { status: `${status}`, stdout, stderr };
};

test.each(
  PROGRAMS.map((name) => [name, name.startsWith('cpu/') ? 'translator' : 'mixed']),
)('%s, %s', (name, tier) => {
  const program = join(dir, name.replace('/', '-'));
  compile(join(root, 'test/guest', `${name}.c`), program, ['-pthread', '-lm']);
  expect(inCommandLine(program, tier)).toEqual(native([program], { cwd: dir }));
});
