// What -yy shows of a socket: its kind, its inode and its peer's, its name.

import { SOCK } from '../abi/socket.ts';
import type { Socket } from '../ring0/net/types.ts';
import { isUnix, type UnixSocket } from '../ring0/net/unix/types.ts';
import { quote } from './print.ts';

const inode = (s: Socket | null): number | null => {
  const attr = s?.file?.inode.attr();
  return typeof attr === 'object' ? attr.ino : null;
};

/** `@"name"` for an abstract one. */
const nameOf = (s: UnixSocket): string => {
  if (s.address === null || s.address.length <= 2) return '';
  const name = s.address.subarray(2);
  if (name[0] === 0) return `,@${quote(name.subarray(1))}`;
  const end = name.indexOf(0);
  return `,${quote(end < 0 ? name : name.subarray(0, end))}`;
};

export const socketDetail = (s: Socket): string | null => {
  if (!isUnix(s)) return null;
  const kind =
    Object.entries(SOCK)
      .find(([, v]) => v === s.type)?.[0]
      ?.replace('SOCK_', '') ?? '???';
  const peer = inode(s.peer);
  return `UNIX-${kind}:[${inode(s)}${peer === null ? '' : `->${peer}`}${nameOf(s)}]`;
};
