// Expected texts are lines of strace 6.1 on Linux 6.1, for the same arguments.

import { describe, expect, test } from 'vitest';
import { AT_FLAGS, OPEN_FLAGS } from '../abi/fcntl.ts';
import { MAP_TABLE, PROT_TABLE } from '../abi/mman.ts';
import { SIGACTION } from '../abi/signal.ts';
import { STAT } from '../abi/stat.ts';
import { TIMESPEC } from '../abi/time.ts';
import * as c from '../gate/codec.ts';
import { fakeMachine } from '../gate/fake.ts';
import { openGate } from '../gate/gate.ts';
import { type Returns, type Row, syscall } from '../gate/row.ts';
import { sealTable } from '../gate/table.ts';
import { kernelEvents } from '../ring0/events.ts';
import { REPLACED, type Result } from '../ring0/wait.ts';
import { straceText, type TextOptions } from './strace.ts';
import { type TraceOptions, trace } from './tracer.ts';

const PLAIN: TextOptions = {
  pids: 'none',
  clock: 'none',
  clockDigits: 0,
  relative: null,
  spent: null,
  status: null,
  column: 40,
  exits: true,
  numbers: false,
  addresses: false,
};

const tracing = (rows: Row[], text: Partial<TextOptions> = {}, options: Partial<TraceOptions> = {}) => {
  const machine = fakeMachine();
  const { kernel, task } = machine;
  Object.assign(kernel, { events: kernelEvents(() => {}) });
  Object.assign(kernel.clock, { monotonic: () => 0, epoch: () => ({ sec: 1700000000, nsec: 5000 }) });
  const mm = task.mm as unknown as Record<string, unknown>;
  const dv = new DataView(machine.u8.buffer);
  const guard = (n: number, read: (a: number) => number) => (a: number) =>
    a > 0 && a + n <= machine.u8.length ? read(a) : null;
  Object.assign(mm, {
    readU16: guard(2, (a) => dv.getUint16(a, true)),
    readU32: guard(4, (a) => dv.getUint32(a, true)),
    readI32: guard(4, (a) => dv.getInt32(a, true)),
    readU64: guard(8, (a) => Number(dv.getBigUint64(a, true))),
    readI64: guard(8, (a) => Number(dv.getBigInt64(a, true))),
  });
  const gate = openGate(kernel, sealTable('x86_64', rows), { park: () => {}, work: () => true });
  let out = '';
  const listener = straceText({ ...PLAIN, ...text }, (s) => {
    out += s;
  });
  const all = { maxString: 32, paths: false, follow: true, wants: () => true, wantsSignal: () => true };
  trace(kernel, gate, { ...all, ...options }, listener);
  return {
    ...machine,
    dv,
    gate,
    call(number: number, ...args: number[]): string {
      out = '';
      machine.trap(number, ...args);
      gate.enter();
      return out.trimEnd();
    },
    output: () => out,
  };
};

const A = 0x4000;
const B = 0x5000;
const row = (
  name: string,
  params: readonly c.Codec<unknown>[],
  returns: Returns,
  result: Result | (() => Result),
): Row =>
  syscall(name, params, { returns, family: 'file' }, () =>
    typeof result === 'function' ? result() : result,
  );

const getpid = row('getpid', [], 'pid', 7);
const openat = (result: number) =>
  row(
    'openat',
    [c.dirfd('dirfd'), c.path('path'), c.flags('flags', OPEN_FLAGS), c.mode('mode')],
    'fd',
    result,
  );

describe('paths, flags, modes', () => {
  const m = tracing([openat(3)]);
  m.put(A, '/tmp/st/x');
  test('openat with a mode', () => {
    expect(m.call(257, 0xffffff9c, A, 0o2001102 | 0x1000000, 0o644)).toBe(
      'openat(AT_FDCWD, "/tmp/st/x", O_RDWR|O_CREAT|O_TRUNC|O_CLOEXEC|0x1000000, 0644) = 3',
    );
  });
  test('openat without', () => {
    expect(m.call(257, 0xffffff9c, A, 0o2000000, 0o644)).toBe(
      'openat(AT_FDCWD, "/tmp/st/x", O_RDONLY|O_CLOEXEC) = 3',
    );
  });
  test('a path that cannot be read', () => {
    expect(m.call(257, 0xffffff9c, 2 ** 40, 1, 0)).toBe(
      'openat(AT_FDCWD, 0x10000000000, O_WRONLY) = -1 EFAULT (Bad address)',
    );
  });
  test('an error with its text', () => {
    const failing = tracing([openat(-2)]);
    failing.put(A, '');
    expect(failing.call(257, 0xffffff9c, A, 0, 0)).toBe(
      'openat(AT_FDCWD, "", O_RDONLY)    = -1 ENOENT (No such file or directory)'.replace(
        '    =',
        '          =',
      ),
    );
  });
});

describe('bytes', () => {
  const params = [c.fd('fd'), c.bytesIn('buf', 'count'), c.size('count')];
  const write = tracing([row('write', params, 'size', 18)]);
  test('escapes are the shortest that are clear', () => {
    const text = 'hello "w"\n\t\\\x01\x012\x80 a';
    write.put(A, text);
    expect(write.call(1, 3, A, 18)).toBe('write(3, "hello \\"w\\"\\n\\t\\\\\\1\\0012\\200 a", 18) = 18');
  });
  test('long strings are cut', () => {
    write.put(A, '0123456789012345678901234567890123456789');
    expect(write.call(1, 3, A, 40)).toBe('write(3, "01234567890123456789012345678901"..., 40) = 18');
  });
  const read = (result: number) =>
    tracing([row('read', [c.fd('fd'), c.bytesOut('buf', 'count'), c.size('count')], 'size', result)]);
  test('output has as many bytes as the result says', () => {
    const m = read(2);
    m.put(A, 'abc');
    expect(m.call(0, 3, A, 100)).toBe('read(3, "ab", 100)                      = 2');
  });
  test('output of a failed call is an address', () => {
    expect(read(-9).call(0, 99, A, 100)).toBe(
      'read(99, 0x4000, 100)                   = -1 EBADF (Bad file descriptor)',
    );
  });
  test('iovecs', () => {
    const m = tracing([row('writev', [c.fd('fd'), c.iovec('iov', 'n', 'in'), c.int('n')], 'size', 65)]);
    m.put(A, 'hello');
    m.put(B, ' 0123456789012345678901234567890123456789');
    for (const [i, v] of [A, 5, B, 40].entries()) m.dv.setBigUint64(0x6000 + 8 * i, BigInt(v), true);
    expect(m.call(20, 3, 0x6000, 2)).toBe(
      'writev(3, [{iov_base="hello", iov_len=5}, {iov_base=" 0123456789012345678901234567890"..., iov_len=40}], 2) = 65',
    );
  });
});

describe('structs', () => {
  test('stat of a file and of a device', () => {
    const params = [c.dirfd('dirfd'), c.path('path'), c.structOut('buf', STAT), c.flags('flags', AT_FLAGS)];
    const m = tracing([row('newfstatat', params, 'int', 0)]);
    m.put(B, '/dev/null');
    m.u8.set(STAT.encode({ st_mode: 0o20666, st_rdev: 0x103 }), A);
    expect(m.call(262, 0xffffff9c, B, A, 0x100)).toBe(
      'newfstatat(AT_FDCWD, "/dev/null", {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}, AT_SYMLINK_NOFOLLOW) = 0',
    );
    m.u8.set(STAT.encode({ st_mode: 0o100644, st_size: 1221 }), A);
    expect(m.call(262, 0xffffff9c, B, A, 0)).toContain('{st_mode=S_IFREG|0644, st_size=1221, ...}, 0)');
  });
  test('sigaction', () => {
    const params = [
      c.signo('sig'),
      c.structInOrNull('act', SIGACTION),
      c.structOut('old', SIGACTION),
      c.size('n'),
    ];
    const m = tracing([row('rt_sigaction', params, 'int', 0)]);
    const act = {
      handler: 0x56439ecfd8a9,
      flags: 0x14000000,
      restorer: 0x7f2976def050,
      maskLo: 2,
      maskHi: 8,
    };
    m.u8.set(SIGACTION.encode(act), A);
    expect(m.call(13, 10, A, 0, 8)).toBe(
      'rt_sigaction(SIGUSR1, {sa_handler=0x56439ecfd8a9, sa_mask=[INT RT_4], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x7f2976def050}, NULL, 8) = 0',
    );
    m.u8.set(SIGACTION.encode({}), A);
    expect(m.call(13, 17, 0, A, 8)).toBe(
      'rt_sigaction(SIGCHLD, NULL, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0',
    );
  });
  test('timespec in', () => {
    const m = tracing([row('clock_settime', [c.int('clock'), c.structIn('tp', TIMESPEC)], 'int', -1)]);
    m.u8.set(TIMESPEC.encode({ sec: 1, nsec: 5 }), A);
    expect(m.call(227, 0, A)).toBe(
      'clock_settime(0, {tv_sec=1, tv_nsec=5}) = -1 EPERM (Operation not permitted)',
    );
  });
});

describe('words', () => {
  test('mmap', () => {
    const params = [
      c.addr('a'),
      c.size('n'),
      c.flags('p', PROT_TABLE),
      c.flags('f', MAP_TABLE),
      c.fd('fd'),
      c.offHex('o'),
    ];
    const m = tracing([row('mmap', params, 'addr', 0x7f2976f9e000)]);
    expect(m.call(9, 0, 8192, 3, 0x22, 0xffffffff, 0)).toBe(
      'mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f2976f9e000',
    );
    expect(m.call(9, 0, 8192, 0, 2, 3, 0x26000)).toContain('PROT_NONE, MAP_PRIVATE, 3, 0x26000)');
  });
  test.each([
    [0x300, '[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]'],
    [15, '[{WIFSIGNALED(s) && WTERMSIG(s) == SIGTERM}]'],
    [0x8b, '[{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}]'],
    [0x137f, '[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}]'],
    [0xffff, '[{WIFCONTINUED(s)}]'],
  ])('wait status %i', (status, text) => {
    const m = tracing([
      row('wait4', [c.pid('pid'), c.waitStatusOut('s'), c.int('o'), c.addr('ru')], 'pid', 9),
    ]);
    m.dv.setInt32(A, status, true);
    expect(m.call(61, 0xffffffff, A, 0, 0)).toBe(`wait4(-1, ${text}, 0, NULL) = 9`);
  });
  test('a pair of descriptors', () => {
    const m = tracing([
      row('pipe2', [c.fdPairOut('fds'), c.flags('f', { unknown: '', bits: OPEN_FLAGS.bits })], 'int', 0),
    ]);
    m.dv.setInt32(A, 7, true);
    m.dv.setInt32(A + 4, 8, true);
    expect(m.call(293, A, 0o2004000)).toBe('pipe2([7, 8], O_NONBLOCK|O_CLOEXEC)     = 0');
  });
  test('signal sets', () => {
    const m = tracing([row('rt_sigpending', [c.sigsetOut('set'), c.size('n')], 'int', 0)]);
    m.dv.setBigUint64(A, 0xffff_fffe_7fff_ffffn & ~(1n << 9n), true);
    expect(m.call(127, A, 8)).toBe('rt_sigpending(~[USR1 RTMIN RT_1], 8)    = 0');
    m.dv.setBigUint64(A, 1n << 1n, true);
    expect(m.call(127, A, 8)).toContain('([INT], 8)');
  });
  test('an offset that moves', () => {
    const params = [c.fd('out'), c.fd('in'), c.offsetInOut('o'), c.size('n')];
    const m = tracing([
      row('sendfile', params, 'size', () => {
        m.dv.setInt32(A, 10, true);
        return 10;
      }),
    ]);
    expect(m.call(40, 8, 3, A, 10)).toBe('sendfile(8, 3, [0] => [10], 10)         = 10');
  });
});

describe('commands', () => {
  const fcntl = (r: number) =>
    tracing([row('fcntl', [c.fd('fd'), c.int('cmd'), c.commandArg('arg')], 'int', r)]);
  test.each([
    [3, 0, 0x8002, 'fcntl(3, F_GETFL)                       = 0x8002 (flags O_RDWR|O_LARGEFILE)'],
    [4, 0o6000, 0, 'fcntl(3, F_SETFL, O_RDONLY|O_APPEND|O_NONBLOCK) = 0'],
    [1, 0, 1, 'fcntl(3, F_GETFD)                       = 0x1 (flags FD_CLOEXEC)'],
    [1030, 10, 11, 'fcntl(3, F_DUPFD_CLOEXEC, 10)           = 11'],
    [777, 1, -22, 'fcntl(3, 0x309 /* F_??? */, 0x1)        = -1 EINVAL (Invalid argument)'],
  ])('fcntl %i', (cmd, arg, result, text) => {
    expect(fcntl(result).call(72, 3, cmd, arg)).toBe(text);
  });
  test.each([
    [[0x81, 1, 0, 0, 0], 'FUTEX_WAKE_PRIVATE, 1)'],
    [[0, 1, 0, 0, 0], 'FUTEX_WAIT, 1, NULL)'],
    [
      [0x189, 1, 0, 0, 0xffffffff],
      'FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 1, NULL, FUTEX_BITSET_MATCH_ANY)',
    ],
    [
      [0x85, 1, 1, A, 0x5000001],
      'FUTEX_WAKE_OP_PRIVATE, 1, 1, 0x4000, FUTEX_OP_SET<<28|0<<12|FUTEX_OP_CMP_GE<<24|0x1)',
    ],
  ])('futex %j', (args, text) => {
    const params = [c.addr('a'), c.int('op'), c.uint('v'), c.addr('t'), c.addr('b'), c.uint('c')];
    const m = tracing([row('futex', params, 'int', 0)]);
    expect(m.call(202, B, ...args)).toContain(`futex(0x5000, ${text}`);
  });
  test('an unknown ioctl is taken apart', () => {
    const m = tracing([row('ioctl', [c.fd('fd'), c.uint('cmd'), c.commandArg('arg')], 'int', -25)]);
    expect(m.call(16, 0, 0xdeadbeef, 1)).toBe(
      'ioctl(0, _IOC(_IOC_READ|_IOC_WRITE, 0xbe, 0xef, 0x1ead), 0x1) = -1 ENOTTY (Inappropriate ioctl for device)',
    );
  });
  test('clone as fork calls it', () => {
    const params = [c.ulong('f'), c.addr('s'), c.addr('p'), c.addr('c'), c.ulong('t')];
    const m = tracing([row('clone', params, 'pid', 8582)]);
    expect(m.call(56, 0x1200011, 0, 0, 0x7f2976db0a10, 0)).toBe(
      'clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f2976db0a10) = 8582',
    );
  });
});

describe('lines', () => {
  test('a number that is not in the table shows its registers', () => {
    const m = tracing([]);
    expect(m.call(500, 1, 2, 3, 4, 5, 6)).toContain('= -1 ENOSYS (Function not implemented)');
  });
  test('-T, -t and -r', () => {
    expect(tracing([getpid], { spent: 6 }).call(39)).toBe(
      'getpid()                                = 7 <0.000000>',
    );
    expect(tracing([getpid], { clock: 'unix', clockDigits: 6 }).call(39)).toBe(
      '1700000000.000005 getpid()              = 7',
    );
    expect(tracing([getpid], { relative: 6 }).call(39)).toBe('     0.000000 getpid()                  = 7');
  });
  test('-f -o has the process before each line', () => {
    expect(tracing([getpid], { pids: 'always' }).call(39)).toBe(
      '7     getpid()                          = 7',
    );
  });
  test('-z and -Z', () => {
    const rows = [getpid, row('close', [c.fd('fd')], 'int', -9)];
    const ok = tracing(rows, { status: new Set(['successful'] as const) });
    expect(ok.call(39)).not.toBe('');
    expect(ok.call(3, 1)).toBe('');
    const bad = tracing(rows, { status: new Set(['failed'] as const) });
    expect(bad.call(39)).toBe('');
    expect(bad.call(3, 1)).not.toBe('');
  });
  test('the call that ends the process', () => {
    const m = tracing([
      row('exit_group', [c.int('status')], 'none', () => {
        m.task.state = 'dead';
        m.kernel.events.exit?.(m.task, 0x300, 0);
        return REPLACED;
      }),
    ]);
    expect(m.call(231, 3)).toBe('exit_group(3)                           = ?\n+++ exited with 3 +++');
  });
  test('a signal comes after the line of the call it arrives in', () => {
    const info = { signo: 17, errno: 0, code: 1, pid: 8582, uid: 0, status: 3 };
    const m = tracing([
      row('wait4', [c.pid('p')], 'pid', () => {
        m.kernel.events.signal?.(m.task, info);
        return 8582;
      }),
    ]);
    expect(m.call(61, 8582)).toBe(
      'wait4(8582)                             = 8582\n--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8582, si_uid=0, si_status=3, si_utime=0, si_stime=0} ---',
    );
  });
});

describe('several traces of one machine', () => {
  const listening = (m: ReturnType<typeof tracing>, said: string[], name: string) =>
    trace(
      m.kernel,
      m.gate,
      { maxString: 32, paths: false, follow: true, wants: () => true, wantsSignal: () => true },
      {
        leave: (_open, _late, e) => said.push(`${name} ${e.name}`),
        exit: () => said.push(`${name} exit`),
      },
    );
  test('end in any order', () => {
    const m = tracing([getpid]);
    const said: string[] = [];
    const [a, b] = [listening(m, said, 'a'), listening(m, said, 'b')];
    a.detach();
    m.call(39);
    m.kernel.events.exit?.(m.task, 0, 0);
    b.detach();
    m.call(39);
    m.kernel.events.exit?.(m.task, 0, 0);
    expect(said).toEqual(['b getpid', 'b exit']);
  });
  test.each(['leave', 'exit'] as const)('a listener that throws in %s ends its own', (member) => {
    const m = tracing([getpid]);
    const said: string[] = [];
    Object.assign(m.kernel, { bug: () => {} });
    const all = { maxString: 32, paths: false, follow: true, wants: () => true, wantsSignal: () => true };
    trace(m.kernel, m.gate, all, {
      [member]: () => {
        throw new Error('mistake');
      },
      failed: (e) => said.push(String(e)),
    });
    listening(m, said, 'other');
    m.call(39);
    m.kernel.events.exit?.(m.task, 0, 0);
    m.call(39);
    expect([...said].sort()).toEqual(['Error: mistake', 'other exit', 'other getpid', 'other getpid']);
  });
});

test('a mistake in a printer costs the arguments of its call', () => {
  const said: string[] = [];
  const n = tracing([row('close', [c.fd('fd')], 'int', 0)], {}, { paths: true });
  Object.assign(n.kernel, { bug: (where: string) => said.push(where) });
  Object.defineProperty(n.task, 'files', {
    get: () => {
      throw new Error('mistake');
    },
  });
  expect(n.call(3, 5)).toMatch(/^close\(0x5\) += 0$/);
  expect(said).toContain('the trace of close');
});
