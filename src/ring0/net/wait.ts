// Waiting in a socket call: until a queue is woken, or SO_RCVTIMEO or SO_SNDTIMEO has passed (socket(7), signal(7)).

import { EAGAIN } from '../../abi/errno.ts';
import type { Task } from '../task/types.ts';
import { block, type Result, type WaitQueue } from '../wait.ts';

/** What a waiting call keeps: when it ends (monotonic ns, null for never), and how many bytes have gone over. */
export interface Waiting {
  readonly deadline: number | null;
  readonly done: number;
}

export const waitingOf = (task: Task): Waiting | undefined => task.resume as Waiting | undefined;

/**
 * Waits on the queues for up to `timeout` ns since the call began (null: for ever); `done` is what the call returns if that
 * ends it. `more` is kept besides.
 */
export const waitFor = (
  task: Task,
  queues: readonly WaitQueue[],
  timeout: number | null,
  done = 0,
  more: object = {},
): Result => {
  const now = task.kernel.clock.monotonic();
  const waited = waitingOf(task);
  const deadline = waited ? waited.deadline : timeout === null ? null : now + timeout;
  if (deadline !== null && now >= deadline) return done > 0 ? done : -EAGAIN;
  const state: Waiting = { ...more, deadline, done };
  // A call with a timeout is not begun again: the rest of the time would be unknown.
  const wait = block(queues, deadline === null ? 'restart' : 'eintr', deadline, state);
  return done > 0 ? { ...wait, partial: done } : wait;
};
