// strace's -P: calls that name one of some paths, or use a descriptor of one.

import type { Call } from '../gate/call.ts';
import { fileName } from './context.ts';

/** Whether an argument is one of the paths as it is written, or a descriptor that refers to one. */
export const touches = (call: Call, paths: ReadonlySet<string>): boolean => {
  const { row, args, task } = call;
  const refers = (fd: number): boolean => {
    const file = task.files.slots[fd]?.file;
    return file !== undefined && paths.has(fileName(file).path);
  };
  const number = (name: string): number => {
    const v = args[row.params.findIndex((p) => p.name === name)];
    return typeof v === 'number' ? v : 0;
  };
  return row.params.some((param, i) => {
    const v = args[i];
    if (typeof v === 'string') return param.type === 'path' && paths.has(v);
    if (typeof v !== 'number') return false;
    const { mm } = task;
    switch (param.type) {
      case 'fd':
      case 'dirfd':
        return refers(v);
      case 'pollfds': {
        const n = Math.min(number((param.shape as { count: string }).count), 1024);
        return Array.from({ length: n }, (_, k) => mm.readI32(v + 8 * k) ?? -1).some(refers);
      }
      case 'fdset': {
        const n = Math.min(number((param.shape as { count: string }).count), 1024);
        const bits = v === 0 ? null : mm.read(v, Math.ceil(n / 64) * 8);
        return (
          bits?.some((b, k) => [0, 1, 2, 3, 4, 5, 6, 7].some((j) => (b >> j) & 1 && refers(8 * k + j))) ===
          true
        );
      }
      default:
        return false;
    }
  });
};
