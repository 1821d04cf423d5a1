// Contexts of asynchronous input and output (io_setup(2)): requests that have ended, and those that wait for events of a
// file. Reading and writing happen while they are submitted, as Linux does it wherever the page cache is between.

import { IO_EVENT_BYTES } from '../../abi/aio.ts';
import { EAGAIN, EINVAL, ENOMEM } from '../../abi/errno.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../abi/mman.ts';
import { charge, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE } from '../mm/layout.ts';
import type { Task } from '../task/types.ts';
import { type WaitQueue, waitQueue, wake } from '../wait.ts';
import { vfsOf } from './state.ts';

/** A finished request: struct io_event. */
export interface AioEvent {
  readonly data: bigint;
  /** Address of the request's struct iocb. */
  readonly iocb: number;
  readonly result: number;
}

export interface AioContext {
  /** The aio_context_t: where its ring is mapped. */
  readonly id: number;
  /** What io_setup was asked for, as fs.aio-nr counts it. */
  readonly asked: number;
  /** Requests that may be unfinished or not fetched yet. */
  readonly room: number;
  readonly events: AioEvent[];
  /** What ends each unfinished request, with a result or, when the context goes, without (null). */
  readonly pending: Map<number, (result: number | null) => void>;
  readonly queue: WaitQueue;
  readonly kernel: Kernel;
  gone: boolean;
}

/** /proc/sys/fs/aio-max-nr. */
/** Bytes of struct aio_ring. */
const RING = 32;
/** What a request may take of the heap. */
const REQUEST_BYTES = 256;
/** As many as a machine of one processor has at least (ioctx_alloc of the kernel). */
const LEAST = 4;

/** A new context of the task's address space; -errno. */
export const setupAio = (task: Task, asked: number): AioContext | number => {
  const { kernel, mm } = task;
  const vfs = vfsOf(kernel);
  if (asked > 0x10000000 / IO_EVENT_BYTES) return -EINVAL;
  if (vfs.aio + asked > Number(kernel.settings['fs/aio-max-nr'])) return -EAGAIN;
  const bytes = Math.ceil((RING + (Math.max(asked, LEAST) * 2 + 2) * IO_EVENT_BYTES) / PAGE) * PAGE;
  const room = (bytes - RING) / IO_EVENT_BYTES - 1;
  if (!charge(kernel.heap, asked * REQUEST_BYTES)) return -ENOMEM;
  // Its contents say that it is no ring that a program could read by itself: io_getevents is the only way.
  const mapping = {
    prot: PROT_READ | PROT_WRITE,
    shared: false,
    pages: null,
    pageOffset: 0,
    file: null,
    name: '/[aio] (deleted)',
    flags: MAP_PRIVATE | MAP_ANONYMOUS,
  };
  const id = mm.map(0, bytes, mapping, 'hint');
  if (id < 0) {
    uncharge(kernel.heap, asked * REQUEST_BYTES);
    return id;
  }
  vfs.aio += asked;
  const context: AioContext = {
    id,
    asked,
    room: Math.floor(room),
    events: [],
    pending: new Map(),
    queue: waitQueue(),
    kernel,
    gone: false,
  };
  mm.aio ??= new Map();
  mm.aio.set(id, context);
  return context;
};

/** Ends a context: what has not ended never does. */
export const endAio = (context: AioContext): void => {
  context.gone = true;
  for (const end of [...context.pending.values()]) end(null);
  context.pending.clear();
  vfsOf(context.kernel).aio -= context.asked;
  uncharge(context.kernel.heap, context.asked * REQUEST_BYTES);
  wake(context.queue);
};

/** io_destroy(2). */
export const destroyAio = (task: Task, id: number): number => {
  const { mm } = task;
  const context = mm.aio?.get(id);
  if (context === undefined) return -EINVAL;
  mm.aio?.delete(id);
  const ring = mm.find(id);
  if (ring?.start === id) mm.unmap(id, ring.end - ring.start);
  endAio(context);
  return 0;
};
