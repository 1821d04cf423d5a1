import { describe, expect, it } from 'vitest';
import { EBADF, EFAULT, EINVAL, EMFILE } from '../../abi/errno.ts';
import { AT_FDCWD, F_DUPFD, O_APPEND, O_CLOEXEC, O_CREAT, O_RDONLY, O_RDWR } from '../../abi/fcntl.ts';
import { S_IFREG, STAT } from '../../abi/stat.ts';
import type { FileTable } from '../task/types.ts';
import { call, fakeKernel, fakeTask, put, SCRATCH, SCRATCH_BYTES, text } from '../testing.ts';
import { closeOnExec, copyTable, newTable, releaseTable } from '../vfs/fdtable.ts';
import { mkdir } from './dir.ts';
import { close, dup, dup2, dup3, fcntl } from './fd.ts';
import { lseek, open, pread64, pwritev, read, readv, write } from './file.ts';
import { fstat, newfstatat, stat } from './stat.ts';

const setup = () => {
  const task = fakeTask(fakeKernel());
  const fd = call(task, open, '/f', O_CREAT | O_RDWR, 0o666) as number;
  return { task, fd };
};
const END = SCRATCH + SCRATCH_BYTES;

describe('read and write', () => {
  it('move bytes in one page, over pages, and up to the end of memory', () => {
    const { task, fd } = setup();
    expect(call(task, write, fd, put(task, 'hello'), 5)).toBe(5);
    const long = 'abcdefgh'.repeat(2000);
    expect(call(task, write, fd, put(task, long, 4000), long.length)).toBe(long.length);
    expect(call(task, lseek, fd, 0, 0)).toBe(0);
    expect(call(task, read, fd, SCRATCH + 50000, 20000)).toBe(5 + long.length);
    expect(text(task, 5 + long.length, 50000)).toBe(`hello${long}`);
    expect(call(task, pread64, fd, END - 10, 100, 0)).toBe(10);
    expect(text(task, 10, SCRATCH_BYTES - 10)).toBe('helloabcde');
    expect(call(task, pread64, fd, END, 100, 0)).toBe(-EFAULT);
    // Nothing is left to read, so nothing has to be written.
    expect(call(task, read, fd, END, 100)).toBe(0);
    expect(call(task, write, fd, END - 3, 100)).toBe(3);
  });

  it('gather and scatter', () => {
    const { task, fd } = setup();
    const vector = (...parts: [number, number][]) =>
      put(task, new Uint8Array(BigUint64Array.from(parts.flat(), BigInt).buffer), 0x100);
    put(task, 'onetwothree');
    expect(call(task, pwritev, fd, vector([SCRATCH, 3], [SCRATCH + 6, 5], [0, 0]), 3, 2, 0)).toBe(8);
    expect(call(task, readv, fd, vector([SCRATCH + 0x200, 4], [SCRATCH + 0x300, 100]), 2)).toBe(10);
    expect(text(task, 4, 0x200)).toBe('\0\0on');
    expect(text(task, 6, 0x300)).toBe('ethree');
    expect(call(task, readv, fd, vector([SCRATCH, 2 ** 63]), 1)).toBe(-EINVAL);
    expect(call(task, readv, fd, SCRATCH, 1025)).toBe(-EINVAL);
    expect(call(task, readv, fd, 8, 1)).toBe(-EFAULT);
  });

  it('append at the end, whatever the position', () => {
    const { task, fd } = setup();
    const log = call(task, open, '/f', O_RDWR | O_APPEND, 0) as number;
    call(task, write, fd, put(task, 'xxxx'), 4);
    expect(call(task, write, log, put(task, 'yy'), 2)).toBe(2);
    expect(call(task, lseek, log, 0, 1)).toBe(6);
  });
});

describe('descriptors', () => {
  it('are the lowest free numbers', () => {
    const { task, fd } = setup();
    expect(fd).toBe(0);
    expect(call(task, dup, 0)).toBe(1);
    expect(call(task, dup, 0)).toBe(2);
    expect(call(task, close, 1)).toBe(0);
    expect(call(task, close, 1)).toBe(-EBADF);
    expect(call(task, fcntl, 0, F_DUPFD, 2)).toBe(3);
    expect(call(task, dup, 0)).toBe(1);
    expect(call(task, dup2, 0, 40)).toBe(40);
    expect(call(task, dup, 0)).toBe(4);
  });

  it('end at RLIMIT_NOFILE', () => {
    const { task } = setup();
    const limit = task.process.rlimits[7];
    if (limit) limit.soft = 3;
    expect(call(task, dup, 0)).toBe(1);
    expect(call(task, dup, 0)).toBe(2);
    expect(call(task, dup, 0)).toBe(-EMFILE);
    expect(call(task, open, '/f', O_RDONLY, 0)).toBe(-EMFILE);
    expect(call(task, dup2, 0, 3)).toBe(-EBADF);
  });

  it('share a position after dup and fork, and close on exec one by one', () => {
    const { task } = setup();
    call(task, dup3, 0, 5, O_CLOEXEC);
    call(task, write, 0, put(task, 'abc'), 3);
    expect(call(task, lseek, 5, 0, 1)).toBe(3);
    const child = copyTable(task.files) as FileTable;
    const file = task.files.slots[0]?.file;
    expect(file?.refs).toBe(4);
    closeOnExec(child);
    expect(child.slots.map((d) => d !== undefined)).toEqual([true, false, false, false, false, false]);
    releaseTable(child);
    expect(file?.refs).toBe(2);
    releaseTable(task.files);
    expect(file?.refs).toBe(0);
    task.files = newTable();
  });
});

describe('stat', () => {
  it('writes every field of the struct', () => {
    const { task, fd } = setup();
    call(task, write, fd, put(task, 'hello'), 5);
    const want = {
      st_mode: S_IFREG | 0o644,
      st_size: 5,
      st_nlink: 1,
      st_blksize: 4096,
      st_blocks: 8,
      st_mtime: 1e9,
    };
    // Across a page as well as inside one.
    for (const at of [SCRATCH, SCRATCH + 4096 - 40]) {
      task.mm.write(at, new Uint8Array(STAT.size).fill(0xff));
      expect(call(task, stat, '/f', at)).toBe(0);
      const s = STAT.read(task.mm, at);
      expect(s).toMatchObject(want);
      expect(task.mm.read(at + 120, 24)).toEqual(new Uint8Array(24));
      call(task, fstat, fd, at);
      expect(STAT.read(task.mm, at)).toEqual(s);
    }
    expect(call(task, fstat, fd, END - 8)).toBe(-EFAULT);
  });

  it('resolves from a directory descriptor', () => {
    const { task } = setup();
    call(task, mkdir, '/d', 0o755);
    const d = call(task, open, '/d', O_RDONLY, 0) as number;
    call(task, open, '/d/in', O_CREAT | O_RDWR, 0o600);
    expect(call(task, newfstatat, d, 'in', SCRATCH, 0)).toBe(0);
    expect(call(task, newfstatat, AT_FDCWD, 'd/in', SCRATCH, 0)).toBe(0);
    expect(call(task, newfstatat, 77, 'in', SCRATCH, 0)).toBe(-EBADF);
    expect(call(task, newfstatat, 77, '/d/in', SCRATCH, 0)).toBe(0);
  });
});
