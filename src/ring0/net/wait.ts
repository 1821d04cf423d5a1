// Waiting in a socket call: until a queue is woken, or SO_RCVTIMEO or SO_SNDTIMEO has passed (socket(7), signal(7)).

import { EAGAIN } from '../../abi/errno.ts';
import type { Task } from '../task/types.ts';
import { block, type Result, type WaitQueue } from '../wait.ts';

/**
 * What a waiting call keeps: when it ends (monotonic ns, null for never), how many bytes have gone over, and what else the
 * protocol has to know of them.
 */
export interface Waiting {
  readonly deadline: number | null;
  readonly done: number;
  readonly half: unknown;
}

export const waitingOf = (task: Task): Waiting | undefined => task.resume as Waiting | undefined;

/**
 * Waits on the queues for up to `timeout` ns since the call began (null: for ever); `done` is what the call returns if that
 * ends it.
 */
export const waitFor = (
  task: Task,
  queues: readonly WaitQueue[],
  timeout: number | null,
  done = 0,
  half: unknown = null,
): Result => {
  const { clock } = task.kernel;
  const waited = waitingOf(task);
  const deadline = waited ? waited.deadline : timeout === null ? null : clock.monotonic() + timeout;
  if (deadline !== null && clock.monotonic() >= deadline) return done > 0 ? done : -EAGAIN;
  const state: Waiting = { deadline, done, half };
  // A call with a timeout is not begun again: the rest of the time would be unknown.
  const wait = block(queues, deadline === null ? 'restart' : 'eintr', deadline, state);
  return done > 0 ? { ...wait, partial: done } : wait;
};
