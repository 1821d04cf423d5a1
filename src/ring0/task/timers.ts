// The kernel's one-shot timers: a binary heap by deadline on the monotonic clock. Interval timers, alarms,
// blocked calls with deadlines and timerfd are all built on `at`.

/** setitimer(2): armed when next is not null. Times in ns; CPU-time timers count CPU time. */
export interface IntervalTimer {
  next: number | null;
  interval: number;
  cancel: (() => void) | null;
}

/** timer_create(2). */
export interface PosixTimer {
  readonly id: number;
  readonly clock: number;
  readonly notify: number;
  readonly signo: number;
  readonly value: bigint;
  /** Thread to signal, or 0 for the process. */
  readonly tid: number;
  next: number | null;
  interval: number;
  cancel: (() => void) | null;
  /** Expirations since the signal was queued, and those that the last delivered signal reported. */
  missed: number;
  overrun: number;
}

export interface Timer {
  readonly deadline: number;
  readonly order: number;
  /** Null once cancelled or run. */
  run: (() => void) | null;
}

export interface TimerHeap {
  readonly heap: Timer[];
  order: number;
  /** Cancelled timers still in the heap. */
  dead: number;
}

export const timerHeap = (): TimerHeap => ({ heap: [], order: 0, dead: 0 });

const before = (a: Timer, b: Timer): boolean =>
  a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);

const siftUp = (heap: Timer[], from: number): void => {
  const t = heap[from] as Timer;
  let i = from;
  while (i > 0) {
    const p = (i - 1) >> 1;
    const parent = heap[p] as Timer;
    if (!before(t, parent)) break;
    heap[i] = parent;
    i = p;
  }
  heap[i] = t;
};

const siftDown = (heap: Timer[], from: number): void => {
  const t = heap[from] as Timer;
  const n = heap.length;
  let i = from;
  for (;;) {
    let c = 2 * i + 1;
    if (c >= n) break;
    if (c + 1 < n && before(heap[c + 1] as Timer, heap[c] as Timer)) c++;
    const child = heap[c] as Timer;
    if (!before(child, t)) break;
    heap[i] = child;
    i = c;
  }
  heap[i] = t;
};

/** Runs `run` once the clock has reached the deadline; returns a function that cancels it. */
export const addTimer = (timers: TimerHeap, deadline: number, run: () => void): (() => void) => {
  const timer: Timer = { deadline, order: timers.order++, run };
  timers.heap.push(timer);
  siftUp(timers.heap, timers.heap.length - 1);
  return () => {
    if (timer.run === null) return;
    timer.run = null;
    timers.dead++;
    if (timers.dead > 64 && timers.dead * 2 > timers.heap.length) compact(timers);
  };
};

/** Polls with timeouts cancel most of their timers: without this the heap would keep them until they expire. */
const compact = (timers: TimerHeap): void => {
  const live = timers.heap.filter((t) => t.run !== null);
  timers.heap.length = 0;
  timers.dead = 0;
  for (const t of live) {
    timers.heap.push(t);
    siftUp(timers.heap, timers.heap.length - 1);
  }
};

const removeFirst = (timers: TimerHeap): void => {
  const last = timers.heap.pop();
  if (last === undefined || timers.heap.length === 0) return;
  timers.heap[0] = last;
  siftDown(timers.heap, 0);
};

/** Deadline of the next timer, or null. */
export const nextDeadline = (timers: TimerHeap): number | null => {
  for (;;) {
    const first = timers.heap[0];
    if (first === undefined) return null;
    if (first.run !== null) return first.deadline;
    timers.dead--;
    removeFirst(timers);
  }
};

/** Runs every timer that is due. A timer that a callback adds for the past runs on the next call. */
export const runTimers = (timers: TimerHeap, now: number): void => {
  const limit = timers.order;
  for (;;) {
    const first = timers.heap[0];
    if (first === undefined || first.deadline > now || first.order >= limit) return;
    removeFirst(timers);
    const { run } = first;
    if (run === null) timers.dead--;
    else {
      first.run = null;
      run();
    }
  }
};
