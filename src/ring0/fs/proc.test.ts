// Shapes are those that Linux prints (Debian 12); what differs from machine to machine is replaced by N.

import { describe, expect, it } from 'vitest';
import { CPUINFO_FLAGS } from '../../ring3/semantics/cpuid.ts';
import { testMachine } from '../exec/fixture.ts';
import { mountFs } from '../vfs/mount.ts';
import type { FileOps, Inode, OpenFile } from '../vfs/types.ts';
import { procFs } from './proc.ts';
import { octal, setHex } from './proc-format.ts';
import { sysFs } from './sysfs.ts';

const { kernel, task } = testMachine();
const fs = procFs(kernel);

const find = (path: string, root: Inode = fs.root): Inode | number => {
  let at = root;
  for (const name of path.split('/')) {
    const next = at.lookup?.(name) ?? -20;
    if (typeof next === 'number' || 'blocked' in next) return next as number;
    at = next;
  }
  return at;
};

const read = (path: string, root?: Inode): string => {
  const inode = find(path, root);
  if (typeof inode === 'number') throw new Error(`${path}: ${inode}`);
  const ops = inode.open?.(task, 0, null as never) as FileOps;
  const file = { flags: 0, dirState: null, pos: 0 } as OpenFile;
  let out = '';
  for (;;) {
    const buf = new Uint8Array(100);
    const n = ops.read?.(task, file, buf, 0, buf.length, out.length) as number;
    if (n <= 0) return out;
    out += String.fromCharCode(...buf.subarray(0, n));
  }
};

const shape = (s: string): string => s.replace(/\d+/g, 'N');

describe('/proc/[pid]', () => {
  const pid = String(task.process.pid);

  it('has one line of 52 fields in stat', () => {
    const stat = read(`${pid}/stat`);
    expect(stat.split(' ')).toHaveLength(52);
    expect(stat).toMatch(/^\d+ \(.*\) S 0 \d+ \d+ 0 -1 /);
  });

  it('pads limits as the kernel does', () => {
    const [head, cpu] = read(`${pid}/limits`).split('\n');
    expect(head).toBe('Limit                     Soft Limit           Hard Limit           Units     ');
    expect(cpu).toBe('Max cpu time              unlimited            unlimited            seconds   ');
  });

  it('escapes the name in status and not in stat', () => {
    task.comm = 'a\nb\\c';
    expect(read(`${pid}/status`)).toMatch(/^Name:\ta\\012b\\134c\n/);
    expect(read(`${pid}/stat`)).toContain('(a\nb\\c)');
    task.comm = '';
  });

  it('is named by self, with the thread by thread-self', () => {
    const self = find('self') as Inode;
    const thread = find('thread-self') as Inode;
    expect(self.readlink?.(task)).toBe(pid);
    expect(thread.readlink?.(task)).toBe(`${pid}/task/${pid}`);
  });

  it('keeps its inodes', () => {
    expect(find(`${pid}/status`)).toBe(find(`${pid}/status`));
  });

  it('is not there under another spelling', () => {
    expect(find(`0${pid}`)).toBe(-2);
    expect(find('999999')).toBe(-2);
  });

  it('lists mounts with what has to be escaped', () => {
    const mount = mountFs(kernel, fs, null, { source: 'a b#', flags: 2 });
    mount.at = { mount: task.fs.root.mount, dentry: task.fs.root.dentry };
    expect(read(`${pid}/mounts`)).toMatch(
      /^tmpfs \/ tmpfs rw,relatime 0 0\na\\040b\\043 \/ proc rw,nosuid,relatime 0 0\n/,
    );
    expect(shape(read(`${pid}/mountinfo`))).toContain('N N N:N / / rw,nosuid,relatime - proc a\\N');
  });
});

describe('/proc', () => {
  it('shows one processor with the flags of CPUID', () => {
    const cpuinfo = read('cpuinfo');
    expect(cpuinfo).toMatch(/^processor\t: 0\nvendor_id\t: \w+\ncpu family\t: \d+\nmodel\t\t: /);
    expect(cpuinfo).toContain(`\nflags\t\t: ${CPUINFO_FLAGS}\n`);
    expect(cpuinfo.match(/^processor/gm)).toHaveLength(1);
  });

  it('aligns meminfo', () => {
    for (const line of read('meminfo').trimEnd().split('\n')) {
      expect(line).toMatch(/^(HugePages_\w+: +\d+|[\w()]+: +\d+ kB)$/);
      expect(line.replace(' kB', '').length).toBeGreaterThanOrEqual(24);
    }
  });

  it('has uptime, loadavg and stat in the form that ps and top read', () => {
    expect(read('uptime')).toMatch(/^\d+\.\d\d \d+\.\d\d\n$/);
    expect(read('loadavg')).toMatch(/^\d\.\d\d \d\.\d\d \d\.\d\d \d+\/\d+ \d+\n$/);
    expect(shape(read('stat'))).toMatch(
      /^cpu {2}N N N N N N N N N N\ncpuN N N N N N N N N N N\nintr N\nctxt N\nbtime N\n/,
    );
  });

  it('keeps what is written to settings that are obeyed, and looks at their range', () => {
    const write = (path: string, text: string, pos = 0): unknown => {
      const ops = (find(`sys/${path}`) as Inode).open?.(task, 1, null as never) as FileOps;
      const bytes = Buffer.from(text);
      return ops.write?.(task, { flags: 1 } as OpenFile, bytes, 0, bytes.length, pos);
    };
    expect(write('fs/pipe-max-size', '5000\n')).toBe(5);
    expect(read('sys/fs/pipe-max-size')).toBe('8192\n');
    expect(write('vm/overcommit_kbytes', '7')).toBe(1);
    expect(read('sys/vm/overcommit_ratio')).toBe('0\n');
    expect(write('vm/overcommit_memory', '3')).toBe(-22);
    expect(write('vm/overcommit_memory', '1', 1)).toBe(1);
    expect(read('sys/vm/overcommit_memory')).toBe('0\n');
    expect(write('kernel/pid_max', '0x400')).toBe(5);
    expect(read('sys/kernel/pid_max')).toBe('1024\n');
  });

  it('has settings that can be read and not changed, where nothing obeys them', () => {
    expect(read('sys/kernel/hostname')).toBe('kanmon\n');
    const osrelease = find('sys/kernel/osrelease') as Inode;
    expect(osrelease.open?.(task, 1, null as never)).toBe(-13);
    const threads = find('sys/kernel/threads-max') as Inode;
    expect(threads.open?.(task, 1, null as never)).toBe(-30);
  });
});

describe('/sys', () => {
  it('has one processor', () => {
    expect(read('devices/system/cpu/online', sysFs(kernel).root)).toBe('0\n');
  });
});

describe('forms', () => {
  it('writes signal sets as 16 digits', () => {
    expect(setHex({ lo: 0x14002, hi: 0 })).toBe('0000000000014002');
    expect(setHex({ lo: 0xffffffff, hi: 0x80000000 })).toBe('80000000ffffffff');
  });
  it('escapes in octal', () => {
    expect(octal('a b\tc', ' \t')).toBe('a\\040b\\011c');
  });
});
