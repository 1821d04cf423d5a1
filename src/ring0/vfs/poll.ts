// Asking an open file description for the events that are ready, and for the queues that tell of new ones.

import { DEFAULT_POLLMASK } from '../../abi/poll.ts';
import type { Task } from '../task/types.ts';
import type { WaitQueue } from '../wait.ts';
import type { OpenFile } from './types.ts';

export const readyEvents = (task: Task, file: OpenFile): number =>
  file.ops.poll?.(task, file) ?? DEFAULT_POLLMASK;

const none: readonly WaitQueue[] = [];
export const eventQueues = (file: OpenFile): readonly WaitQueue[] => file.ops.pollQueues?.(file) ?? none;
