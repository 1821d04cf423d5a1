// Blocking without async frames: a handler that cannot go on returns a `Block`, the scheduler parks the task
// on the wait queues named in it and calls the handler again when one of them is woken, the deadline passes,
// or a signal arrives. All state that has to survive is plain data in the Block (DESIGN: snapshot, fork, replay).

/** What a blocked call does when a signal handler interrupts it (signal(7)). */
export type RestartRule =
  /** Restarted if the handler has SA_RESTART, else EINTR: read, write, wait4, futex ... */
  | 'restart'
  /** Always EINTR after a handler, as the kernel's -EINTR: epoll_wait, sigtimedwait, semop ... */
  | 'eintr'
  /** The same, as -ERESTARTNOHAND in traces: select, pause, sigsuspend ... */
  | 'nohand'
  /** The same, as -ERESTART_RESTARTBLOCK in traces: poll, nanosleep, futex with a timeout. */
  | 'restart-block'
  /** Cannot be interrupted except by a fatal signal: vfork's parent. */
  | 'uninterruptible';

export interface Block {
  readonly blocked: true;
  readonly on: readonly WaitQueue[];
  /** Monotonic time in ns at which to call again although nothing woke it, or null. */
  readonly deadline: number | null;
  readonly restart: RestartRule;
  /** Handed back as `task.resume` when the handler is called again. Plain data. */
  readonly state: unknown;
  /** What the call returns instead when a signal interrupts it: the bytes that it has transferred already. */
  readonly partial?: number;
  /** Takes back what the handler began, when the call ends without being tried again. */
  readonly undo?: () => void;
}

/** A handler's result: a value >= 0, a negated errno, or a request to wait. */
export type Result = number | Block;

export const block = (
  on: readonly WaitQueue[],
  restart: RestartRule,
  deadline: number | null = null,
  state: unknown = null,
): Block => ({ blocked: true, on, deadline, restart, state });

/**
 * The result of a handler that has none to give: it replaced the registers (execve, rt_sigreturn) or ended the
 * task (exit). The gate then leaves rax alone and takes the context as it finds it.
 */
export const REPLACED: Block = Object.freeze(block([], 'uninterruptible'));

export const isBlock = (r: Result): r is Block => typeof r !== 'number';

/** Whoever can be parked on a wait queue. */
export interface Waiter {
  /** Called by `wake`; must be idempotent. */
  wake(): void;
  /**
   * Of a waiter that shares an event with others of its kind (EPOLLEXCLUSIVE): whether somebody sleeps on it. Once
   * one takes the event, those after it do not hear of it.
   */
  takes?(): boolean;
}

/** Parked waiters in order of arrival, each once. An array: queues are short, and the pipe's round trip goes through here. */
export class Waiters {
  readonly list: Waiter[] = [];

  get size(): number {
    return this.list.length;
  }

  add(w: Waiter): void {
    if (!this.list.includes(w)) this.list.push(w);
  }

  delete(w: Waiter): void {
    const i = this.list.indexOf(w);
    if (i >= 0) this.list.splice(i, 1);
  }
}

/** A list of parked waiters. Waking is level-triggered: the woken handler looks again at what it waits for. */
export interface WaitQueue {
  readonly waiters: Waiters;
}

export const waitQueue = (): WaitQueue => ({ waiters: new Waiters() });

/** Wakes up to `n` waiters, in order of arrival; returns how many. */
export const wake = (q: WaitQueue, n = Number.POSITIVE_INFINITY): number => {
  const { list } = q.waiters;
  const most = Math.min(n, list.length);
  let done = 0;
  let taken = false;
  let passed: Waiter[] | null = null;
  while (done < most) {
    const w = list.shift();
    if (w === undefined) break;
    done++;
    if (w.takes !== undefined) {
      if (taken) {
        passed ??= [];
        passed.push(w);
        continue;
      }
      taken = w.takes();
    }
    w.wake();
  }
  if (passed !== null) list.unshift(...passed);
  return done;
};
