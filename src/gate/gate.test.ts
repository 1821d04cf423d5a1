import { describe, expect, test } from 'vitest';
import { EFAULT, ENOSYS, EPERM } from '../abi/errno.ts';
import type { Task } from '../ring0/task/types.ts';
import { type Block, block, REPLACED, waitQueue } from '../ring0/wait.ts';
import type { Call } from './call.ts';
import { addr, fd, int, long, path, size } from './codec.ts';
import { fakeMachine } from './fake.ts';
import { openGate } from './gate.ts';
import { type Row, syscall } from './row.ts';
import { sealTable } from './table.ts';

const set = (rows: Row[]) => {
  const machine = fakeMachine();
  const parked: Block[] = [];
  const worked: Task[] = [];
  const gate = openGate(machine.kernel, sealTable('x86_64', rows), {
    park: (_task, b) => void parked.push(b),
    work: (task) => worked.push(task) > 0,
  });
  const call = (number: number, ...args: number[]) => {
    machine.trap(number, ...args);
    return gate.enter();
  };
  return { ...machine, gate, call, parked, worked };
};
const meta = { returns: 'int', family: 'desc' } as const;

describe('the way of a call', () => {
  test('a call without arguments returns in rax', () => {
    const m = set([syscall('getpid', [], meta, (task) => task.process.pid)]);
    expect(m.call(39)).toBe(true);
    expect(m.result()).toBe(7);
  });

  test('arguments arrive from rdi, rsi, rdx, r10, r8, r9, as their types say', () => {
    const seen: unknown[] = [];
    const six = syscall(
      'mmap',
      [addr('a'), size('n'), int('p'), int('f'), fd('fd'), long('off')],
      meta,
      (_task, ...args) => {
        seen.push(...args);
        return 0;
      },
    );
    const m = set([six]);
    m.call(9, 0x7fff_0000_1000, 4096, 3, 0x22, 0xffffffff, 2 ** 40);
    expect(seen).toEqual([0x7fff_0000_1000, 4096, 3, 0x22, -1, 2 ** 40]);
  });

  test('an errno is sign-extended, an address keeps its 47 bits', () => {
    const m = set([
      syscall('close', [fd('fd')], meta, () => -EPERM),
      syscall('brk', [addr('a')], meta, (_t, a) => a),
    ]);
    m.call(3, 0);
    expect(m.result()).toBe(-EPERM);
    m.call(12, 0x7fff_f7ff_d000);
    expect(m.result()).toBe(0x7fff_f7ff_d000);
  });

  test('a path that cannot be read fails the call before its handler', () => {
    const m = set([
      syscall('chdir', [path('path')], meta, () => {
        throw new Error('called');
      }),
    ]);
    m.call(80, 0);
    expect(m.result()).toBe(-EFAULT);
  });

  test('what the call checks before it copies comes first, whoever listens', () => {
    const before = (_path: number, mode: number): number => (mode > 7 ? -EPERM : 0);
    const m = set([syscall('access', [path('path'), int('mode')], { ...meta, before }, () => 0)]);
    for (let watched = 0; watched < 2; watched++) {
      m.call(21, 0, 8);
      expect(m.result()).toBe(-EPERM);
      m.call(21, 0, 7);
      expect(m.result()).toBe(-EFAULT);
      m.gate.attach({});
    }
  });

  test('a call that nobody serves is ENOSYS, and counted by name', () => {
    const m = set([]);
    m.call(101);
    m.call(101);
    m.call(0x4000_0000);
    expect(m.result()).toBe(-ENOSYS);
    expect([...m.kernel.missing]).toEqual([
      ['ptrace', 2],
      ['syscall_0x40000000', 1],
    ]);
  });

  test('a filter decides before arguments are decoded', () => {
    const m = set([syscall('close', [fd('fd')], meta, () => 0)]);
    const remove = m.gate.filter((_task, number, words) => (number === 3 && words[0] === 5 ? -EPERM : null));
    m.call(3, 5);
    expect(m.result()).toBe(-EPERM);
    m.call(3, 6);
    expect(m.result()).toBe(0);
    remove();
    m.call(3, 5);
    expect(m.result()).toBe(0);
  });

  test('pending signals are worked on before going back', () => {
    const m = set([syscall('getpid', [], meta, () => 1)]);
    (m.task.pending as unknown as unknown[]).push({ signo: 15 });
    m.call(39);
    expect(m.worked).toEqual([m.task]);
  });

  test('a handler that replaced the registers leaves rax alone', () => {
    const m = set([syscall('rt_sigreturn', [], meta, () => REPLACED)]);
    expect(m.call(15)).toBe(false);
    expect(m.result()).toBe(15);
  });
});

describe('blocking', () => {
  const q = waitQueue();
  const wait = (): Row =>
    syscall('wait4', [path('p'), int('n')], meta, (task, p, n) =>
      task.resume === undefined
        ? block([q], 'restart', null, { n })
        : p.length + (task.resume as { n: number }).n,
    );

  test.each(['plain', 'watched'])('the retry of a %s call uses the arguments decoded at the trap', (kind) => {
    const m = set([wait()]);
    const left: (number | null)[] = [];
    if (kind === 'watched') m.gate.attach({ leave: (_call, r) => void left.push(r) });
    m.put(0x4000, 'abc');
    expect(m.call(61, 0x4000, 10)).toBe(false);
    expect(m.parked).toHaveLength(1);
    expect(m.task.call?.number).toBe(61);
    m.put(0x4000, 'changed');
    expect(m.gate.retry(m.task)).toBe(true);
    expect(m.result()).toBe(13);
    expect(m.task.call).toBeNull();
    expect(m.task.resume).toBeUndefined();
    expect(left).toEqual(kind === 'watched' ? [13] : []);
  });

  test('an abandoned call shows its taps what happened', () => {
    const m = set([wait()]);
    const left: (number | null)[] = [];
    m.gate.attach({ leave: (_call, r) => void left.push(r) });
    m.put(0x4000, 'abc');
    m.call(61, 0x4000, 1);
    m.gate.abandon(m.task, -512);
    expect(left).toEqual([-512]);
    expect(m.task.call).toBeNull();
  });
});

describe('taps', () => {
  const rows = [
    syscall('close', [fd('fd')], meta, (_t, n) => n),
    syscall('getpid', [], meta, () => 7),
    syscall('rename', [path('from'), path('to')], meta, () => 0),
  ];

  test('see the calls that they want, with decoded arguments and the result, until removed', () => {
    const m = set(rows);
    const seen: [string, readonly unknown[], number | null][] = [];
    const remove = m.gate.attach(
      { leave: (c: Call, r) => void seen.push([c.row.name, c.args, r]) },
      (row) => row.name === 'close',
    );
    m.call(3, 9);
    m.call(39);
    remove();
    m.call(3, 10);
    expect(seen).toEqual([['close', [9], 9]]);
  });

  test('see the readable arguments of a call that fails on another', () => {
    const m = set(rows);
    const seen: unknown[] = [];
    m.gate.attach({ leave: (c, r) => void seen.push(c.args[1], r) });
    m.put(0x4000, '/x');
    m.call(82, 0, 0x4000);
    expect(seen).toEqual(['/x', -EFAULT]);
  });

  test.each([
    'enter',
    'leave',
  ] as const)('one that throws in %s hears no more; the call and the others go on', (member) => {
    const m = set(rows);
    const said: unknown[] = [];
    Object.assign(m.kernel, { bug: (where: string) => said.push(where) });
    m.gate.attach({
      [member]: () => {
        throw new Error('mistake');
      },
      failed: (e) => said.push(String(e)),
    });
    m.gate.attach({ leave: (c, r) => said.push(`${c.row.name} ${r}`) });
    m.call(39);
    expect(m.result()).toBe(7);
    m.call(39);
    expect(said).toEqual(['a tap', 'Error: mistake', 'getpid 7', 'getpid 7']);
  });
});

describe('the seal', () => {
  test('rows of a sealed table cannot be changed', () => {
    const table = sealTable('x86_64', [syscall('getpid', [], meta, () => 1)]);
    expect(() => {
      (table.rows as unknown[])[39] = table.rows[0];
    }).toThrow(TypeError);
    expect(() => {
      (table.rows[39] as { handler: unknown }).handler = () => 0;
    }).toThrow(TypeError);
    expect(table.attest()).toBe(true);
  });

  test('the digest depends on the code of the handlers', () => {
    const a = sealTable('x86_64', [syscall('getpid', [], meta, () => 1)]);
    const b = sealTable('x86_64', [syscall('getpid', [], meta, () => 2)]);
    expect(a.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(a.digest).not.toBe(b.digest);
  });

  test('a gate attests with and without taps', () => {
    const m = set([]);
    expect(m.gate.attest()).toBe(true);
    m.gate.attach({});
    expect(m.gate.attest()).toBe(true);
  });

  test('every number of the header has a row, with a reason where it is absent', () => {
    const { rows } = sealTable('x86_64', []);
    expect(rows.filter((r) => r !== undefined)).toHaveLength(381);
    expect(rows[450]?.name).toBe('set_mempolicy_home_node');
    expect(rows.every((r) => r === undefined || (r.meta.note ?? '').length > 0)).toBe(true);
  });

  test('two rows of one name are refused', () => {
    const row = syscall('getpid', [], meta, () => 1);
    expect(() => sealTable('x86_64', [row, row])).toThrow('declared twice');
  });
});
