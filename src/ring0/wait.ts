// Blocking without async frames: a handler that cannot go on returns a `Block`, the scheduler parks the task
// on the wait queues named in it and calls the handler again when one of them is woken, the deadline passes,
// or a signal arrives. All state that has to survive is plain data in the Block (DESIGN: snapshot, fork, replay).

/** What a blocked call does when a signal handler interrupts it (signal(7)). */
export type RestartRule =
  /** Restarted if the handler has SA_RESTART, else EINTR: read, write, wait4, futex ... */
  | 'restart'
  /** Restarted after any handler, as -ERESTARTNOINTR in traces: locking a PI futex. */
  | 'always'
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

/** A queue with more waiters is a set. */
const FEW = 32;

/**
 * Parked waiters in order of arrival, each once. An array, because queues are short and the pipe's round trip goes through
 * here, until there are so many (epoll items of one pipe, say) that searching it would take quadratic time.
 */
export class Waiters {
  #few: Waiter[] = [];
  #many: Set<Waiter> | null = null;

  get size(): number {
    return this.#many?.size ?? this.#few.length;
  }

  add(w: Waiter): void {
    if (this.#many !== null) this.#many.add(w);
    else if (!this.#few.includes(w) && this.#few.push(w) > FEW) {
      this.#many = new Set(this.#few);
      this.#few = [];
    }
  }

  delete(w: Waiter): void {
    if (this.#many !== null) {
      this.#many.delete(w);
      if (this.#many.size === 0) this.#many = null;
      return;
    }
    const i = this.#few.indexOf(w);
    if (i >= 0) this.#few.splice(i, 1);
  }

  /**
   * Takes up to `most` off the queue and wakes each, or leaves it there when it would share what one before it took;
   * returns how many. Those that come back meanwhile are at the end.
   */
  wake(most: number): number {
    let done = 0;
    let taken = false;
    const passes = (w: Waiter): boolean => {
      if (w.takes === undefined) return false;
      if (taken) return true;
      taken = w.takes();
      return false;
    };
    const passed: Waiter[] = [];
    while (done < most && this.#many === null) {
      const w = this.#few.shift();
      if (w === undefined) break;
      if (passes(w)) passed.push(w);
      else w.wake();
      done++;
    }
    const set = this.#many;
    if (set === null) {
      if (passed.length > 0) this.#few.unshift(...passed);
      return done;
    }
    for (const w of passed) set.add(w);
    for (const w of set) {
      if (done >= most) break;
      done++;
      if (passes(w)) continue;
      set.delete(w);
      w.wake();
    }
    if (set.size === 0 && this.#many === set) this.#many = null;
    return done;
  }
}

/** A list of parked waiters. Waking is level-triggered: the woken handler looks again at what it waits for. */
export interface WaitQueue {
  readonly waiters: Waiters;
}

export const waitQueue = (): WaitQueue => ({ waiters: new Waiters() });

/** Wakes up to `n` waiters, in order of arrival; returns how many. */
export const wake = (q: WaitQueue, n = Number.POSITIVE_INFINITY): number =>
  q.waiters.wake(Math.min(n, q.waiters.size));
