// cachestat(2): how much of a file's contents is in memory.

import { EBADF, EFAULT, EINVAL, EPERM } from '../../abi/errno.ts';
import { addr, fd, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { PAGE } from '../mm/layout.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { canWrite } from '../vfs/file.ts';
import { MAY, owns, permission } from '../vfs/perm.ts';
import type { OpenFile } from '../vfs/types.ts';

/** Whether the task may learn who used a file: it could write it, or it is its own (can_do_cachestat of the kernel). */
const mayAsk = (task: Task, file: OpenFile): boolean => {
  if (canWrite(file)) return true;
  const attr = file.inode.attr();
  if (typeof attr === 'number') return false;
  return owns(task.cred, attr) || permission(task.cred, attr, MAY.write) === 0;
};

export const cachestat = syscall(
  'cachestat',
  [fd('fd'), addr('cstat_range'), addr('cstat'), uint('flags')],
  { returns: 'int', family: ['desc', 'memory'] },
  (task, n, range, out, how) => {
    const file = fileAt(task, n);
    if (file === undefined) return -EBADF;
    const { mm } = task;
    const asked = new DataView(new ArrayBuffer(16));
    if (mm.readInto(range, new Uint8Array(asked.buffer), 0, 16) < 16) return -EFAULT;
    const off = asked.getBigUint64(0, true);
    const length = asked.getBigUint64(8, true);
    if (!mayAsk(task, file)) return -EPERM;
    if (how !== 0) return -EINVAL;
    // The last byte's number wraps around.
    const last = BigInt.asUintN(64, length === 0n ? -1n : off + length - 1n);
    const page = (at: bigint): number => Number(at / BigInt(PAGE));
    const cached = file.inode.pages?.cached?.(page(off), page(last) + 1) ?? 0;
    // Nothing waits to be written back, and nothing was evicted: files in memory have nowhere to go.
    const values = [cached, 0, 0, 0, 0];
    return values.every((v, i) => mm.writeI64(out + 8 * i, v)) ? 0 : -EFAULT;
  },
);

export const rows = [cachestat];
