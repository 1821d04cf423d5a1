// The nouns of networking: a socket as the calls see it, and the operations by which a family and type of sockets
// works. The calls in sys/ and the options at SOL_SOCKET know only these; a family is entered in families.ts.

import type { Process, Task } from '../task/types.ts';
import type { FileOps, OpenFile } from '../vfs/types.ts';
import type { Result, WaitQueue } from '../wait.ts';

/** Socket options that mean the same in every family (socket(7)). */
export interface SocketOptions {
  /** SO_SNDBUF and SO_RCVBUF as getsockopt tells them, bytes of kernel memory. */
  sndbuf: number;
  rcvbuf: number;
  rcvlowat: number;
  /** SO_RCVTIMEO and SO_SNDTIMEO, ns; null: for ever. */
  rcvtimeo: number | null;
  sndtimeo: number | null;
  linger: { onoff: number; linger: number };
  /** Others by their number: what was set is told again. */
  readonly plain: Map<number, number>;
}

export interface Socket {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly ops: SocketOps;
  readonly options: SocketOptions;
  /** SO_ACCEPTCONN. */
  readonly listening: boolean;
  /** Pending error (SO_ERROR), 0 for none. */
  error: number;
  /** Its open file description; null while it waits to be accepted, and once it is closed. */
  file: OpenFile | null;
}

/** Bytes to send: copied in as far as a call gets. */
export interface Source {
  readonly length: number;
  /** Copies bytes[from, from + into.length) of it into `into`; false if any of them cannot be read. */
  fetch(into: Uint8Array, from: number): boolean;
}

/** Where received bytes go. */
export interface Sink {
  readonly length: number;
  /** Stores bytes[at, at + n) at `to`; false if not all of it can be written. */
  put(bytes: Uint8Array, at: number, n: number, to: number): boolean;
}

/** A message to send. */
export interface Outgoing {
  readonly source: Source;
  /** Address as the program gave it, or null for the peer. */
  readonly to: Uint8Array | null;
  /** Control messages as the program gave them (cmsg(3)); empty for none. */
  readonly control: Uint8Array;
  /** MSG_*; the description's O_NONBLOCK is MSG_DONTWAIT here. */
  readonly flags: number;
}

/** A control message on its way to a program; descriptions become descriptors when it is stored. */
export type ControlMessage =
  | { readonly level: number; readonly type: number; readonly data: Uint8Array }
  | { readonly rights: readonly OpenFile[] }
  | { readonly pidfd: Process };

/** What a receive asks for, and what it finds besides the bytes: `receive` fills the mutable part. */
export interface Incoming {
  readonly sink: Sink;
  /** MSG_*; the description's O_NONBLOCK is MSG_DONTWAIT here. */
  readonly flags: number;
  /** Address of the sender; empty when it has none. */
  from: Uint8Array;
  /** In the order in which the program gets them. Descriptions are held. */
  control: readonly ControlMessage[];
  /** MSG_TRUNC and the like, for msg_flags. */
  found: number;
}

/** What a family does for a socket (struct proto_ops of the kernel). Results are values or negated errnos. */
export interface SocketOps {
  bind(task: Task, address: Uint8Array): Result;
  connect(task: Task, address: Uint8Array, nonblock: boolean): Result;
  listen(task: Task, backlog: number): number;
  /** The new socket, without a description yet. */
  accept(task: Task, nonblock: boolean): Socket | Result;
  /** The address that it or its peer has. */
  name(peer: boolean): Uint8Array | number;
  /** `how`: 1 receiving, 2 sending, 3 both. */
  shutdown(how: number): number;
  send(task: Task, message: Outgoing): Result;
  receive(task: Task, message: Incoming): Result;
  /** Connects two fresh sockets (socketpair); absent: EOPNOTSUPP. */
  pair?(task: Task, other: Socket): number;
  poll(): number;
  readonly queues: readonly WaitQueue[];
  /** Woken when there is something to receive or to accept, or no more will come. */
  readonly readable: WaitQueue;
  ioctl(task: Task, request: number, arg: number): number;
  /** Options that are the family's own; null for those that are not. */
  getOption?(task: Task, level: number, name: number): Uint8Array | number | null;
  setOption?(task: Task, level: number, name: number, value: Uint8Array): number | null;
  /** The size of a buffer was changed. */
  resized?(): void;
  release(): void;
}

/** Operations of a socket's open file description, which carry the socket. */
export interface SocketFileOps extends FileOps {
  readonly socket: Socket;
}

/** The socket behind a description; undefined for other files. */
export const socketOf = (file: OpenFile): Socket | undefined =>
  'socket' in file.ops ? (file.ops as SocketFileOps).socket : undefined;

/** Makes sockets of one family. */
export interface Family {
  create(task: Task, type: number, protocol: number): Socket | number;
}
