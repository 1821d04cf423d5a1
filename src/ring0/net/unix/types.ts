// The nouns of AF_UNIX (unix(7)): a socket, what lies in its queue, and what the machine keeps of all of them.

import { AF } from '../../../abi/socket.ts';
import type { Kernel } from '../../kernel.ts';
import type { Process } from '../../task/types.ts';
import type { Inode, OpenFile } from '../../vfs/types.ts';
import type { WaitQueue } from '../../wait.ts';
import type { Socket } from '../types.ts';

/** Who sent a message. */
export interface Sender {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Null when the sender named another process. */
  readonly process: Process | null;
}

/** What one send put into a queue; a stream's reads may take it in pieces. */
export interface Message {
  readonly bytes: Uint8Array;
  /** How many of them have been read. */
  at: number;
  /** Kernel memory it is charged with (skb->truesize). */
  readonly size: number;
  readonly owner: UnixSocket;
  /** Null when neither side asked for credentials. */
  readonly sender: Sender | null;
  rights: Rights | null;
}

/** Descriptions in flight, and who sent them. */
export interface Rights {
  readonly files: readonly OpenFile[];
  readonly uid: number;
}

/** SO_PEERCRED: who connected, listened or made the pair. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly process: Process;
}

/** Directions that are shut down. */
export const RECEIVING = 1;
export const SENDING = 2;

export interface UnixSocket extends Socket {
  readonly kernel: Kernel;
  state: 'closed' | 'listening' | 'connected';
  /** As getsockname tells it; null while it has none. */
  address: Uint8Array | null;
  /** What holds the name: an inode, or the key of an abstract one. */
  bound: Inode | string | null;
  peer: UnixSocket | null;
  /** Datagram sockets whose peer this is: they hear of room in the queue. */
  readonly senders: Set<UnixSocket>;
  /** Released; others may still point to it. */
  dead: boolean;
  /** RECEIVING | SENDING. */
  shut: number;
  readonly queue: Message[];
  /** The one in the queue that was sent out of band and not read yet. */
  oob: Message | null;
  /** Connections that wait to be accepted. */
  readonly pending: UnixSocket[];
  /** One less than how many connections, or datagrams of others, may wait. */
  backlog: number;
  /** Kernel memory of the messages that it has sent and nobody has read yet. */
  wmem: number;
  /** Something to read or to accept; room to send; room in its queue for others. */
  readonly readable: WaitQueue;
  readonly writable: WaitQueue;
  readonly room: WaitQueue;
  /** The first two by themselves, to wait on. */
  readonly toRead: readonly WaitQueue[];
  readonly toWrite: readonly WaitQueue[];
  credentials: PeerCredentials | null;
  /** SO_PEEK_OFF; -1: off. */
  peekOffset: number;
}

export const isUnix = (s: Socket): s is UnixSocket => s.family === AF.AF_UNIX;

export interface UnixState {
  readonly sockets: Set<UnixSocket>;
  /** By type and name. */
  readonly abstract: Map<string, UnixSocket>;
  readonly inodes: WeakMap<Inode, UnixSocket>;
  /** How often each description is in flight, how many of them are AF_UNIX sockets, and how many each user sent. */
  readonly inFlight: Map<OpenFile, number>;
  socketsInFlight: number;
  readonly byUser: Map<number, number>;
  /** Descriptions that are about to be let go of; null unless that is going on. */
  dropping: OpenFile[] | null;
  /** Releases since garbage was last looked for, and how many sockets in flight make it worth while again. */
  releases: number;
  nextCollection: number;
}

export const newUnixState = (): UnixState => ({
  sockets: new Set(),
  abstract: new Map(),
  inodes: new WeakMap(),
  inFlight: new Map(),
  socketsInFlight: 0,
  byUser: new Map(),
  dropping: null,
  releases: 0,
  nextCollection: 0,
});
