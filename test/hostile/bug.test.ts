// A mistake in Kanmon itself costs the process that met it, is reported once, and the machine goes on.

import { expect, test } from 'vitest';
import { nodeHost } from '../../src/host/node.ts';
import { createMachine } from '../../src/machine.ts';

test('a handler that throws kills its process by SIGSYS', async () => {
  const reports: string[] = [];
  const machine = createMachine(
    { ...nodeHost(), report: (text) => reports.push(text) },
    { memoryBytes: 64 << 20 },
  );
  const uname = machine.gate.table.rows.findIndex((row) => row?.name === 'uname');
  machine.gate.filter((_task, number) => {
    if (number === uname) throw new TypeError('a mistake');
    return null;
  });
  const run = async (...argv: string[]): Promise<unknown> => {
    const started = machine.start(argv);
    if (typeof started === 'number') throw new Error(machine.refusal);
    started.end();
    return started.ended;
  };
  expect(await run('uname')).toEqual({ exitCode: null, signal: 31 });
  expect(await run('uname')).toEqual({ exitCode: null, signal: 31 });
  expect(await run('true')).toEqual({ exitCode: 0, signal: null });
  expect(reports).toHaveLength(1);
  expect(reports[0]).toMatch(/^bug: TypeError: a mistake at .*; met by process \d+ \(uname\)$/);
  await machine.close();
});

test('a scheduler that always throws ends every program', async () => {
  const machine = createMachine({ ...nodeHost(), report: () => {} }, { memoryBytes: 64 << 20 });
  const started = machine.start(['cat']);
  if (typeof started === 'number') throw new Error(machine.refusal);
  Object.assign(machine.kernel.run, { timers: null });
  expect(await started.ended).toEqual({ exitCode: null, signal: 31 });
  await machine.close();
});
