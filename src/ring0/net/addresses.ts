// Addresses between a program's memory and the kernel (move_addr_to_kernel and move_addr_to_user of net/socket.c).

import { EFAULT, EINVAL } from '../../abi/errno.ts';
import { SOCKADDR_MAX } from '../../abi/socket.ts';
import type { Task } from '../task/types.ts';

/** The bytes of an address, unchecked. */
export const readAddress = (task: Task, at: number, length: number): Uint8Array | number => {
  if (length < 0 || length > SOCKADDR_MAX) return -EINVAL;
  return length === 0 ? new Uint8Array(0) : (task.mm.read(at, length) ?? -EFAULT);
};

/** Stores as much of an address as there is room for, and how long it is; 0 or -errno. */
export const writeAddress = (task: Task, address: Uint8Array, at: number, lengthAt: number): number => {
  const room = task.mm.readI32(lengthAt);
  if (room === null) return -EFAULT;
  if (room < 0) return -EINVAL;
  const n = Math.min(room, address.length);
  // The length first: it is told even when there is nowhere to put the address.
  if (!task.mm.writeU32(lengthAt, address.length)) return -EFAULT;
  return n === 0 || task.mm.write(at, address, 0, n) ? 0 : -EFAULT;
};
