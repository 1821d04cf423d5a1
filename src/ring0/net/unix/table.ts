// /proc/net/unix (unix_seq_show of net/unix/af_unix.c).

import type { Kernel } from '../../kernel.ts';
import { netOf } from '../state.ts';
import type { UnixSocket } from './types.ts';

const SO_ACCEPTCON = 0x10000;
const hex = (v: number, width: number): string => v.toString(16).toUpperCase().padStart(width, '0');

/** SS_UNCONNECTED, SS_CONNECTED; SS_CONNECTING for one that nobody has accepted yet. */
const stateOf = (u: UnixSocket): number => {
  if (u.file === null) return u.state === 'connected' ? 2 : 0;
  return u.state === 'connected' ? 3 : 1;
};

/** NULs of an abstract name, and of its first byte, are shown as `@`. */
const nameOf = ({ address, bound }: UnixSocket): string => {
  if (address === null) return '';
  let name = '';
  for (const b of address.subarray(2)) name += b === 0 ? '@' : String.fromCharCode(b);
  return ` ${typeof bound === 'string' || address[2] === 0 ? name : name.slice(0, -1)}`;
};

const line = (u: UnixSocket): string => {
  const attr = u.file?.inode.attr();
  const ino = attr === undefined || typeof attr === 'number' ? 0 : attr.ino;
  const flags = u.state === 'listening' ? SO_ACCEPTCON : 0;
  const refs = 2 + (u.peer === null ? 0 : 1);
  return (
    `${'0'.repeat(16)}: ${hex(refs, 8)} ${hex(0, 8)} ${hex(flags, 8)} ${hex(u.type, 4)} ${hex(stateOf(u), 2)} ` +
    `${String(ino).padStart(5)}${nameOf(u)}\n`
  );
};

export const unixTable = (kernel: Kernel): string =>
  `Num       RefCount Protocol Flags    Type St Inode Path\n${[...netOf(kernel).unix.sockets].map(line).join('')}`;
