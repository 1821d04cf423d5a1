// What execve(2) does to a task apart from its memory and registers: the other threads end, handlers are reset,
// and what belonged to the old program goes. The ELF loader calls this once it can no longer fail.

import { PERSONALITY } from '../../abi/prctl.ts';
import { SIG } from '../../abi/signal.ts';
import { actionsAfterExec } from './deliver.ts';
import { exitTask, releaseMemory, releaseVfork } from './exit.ts';
import { deleteTimers } from './itimers.ts';
import { unpark } from './runqueue.ts';
import type { Task } from './types.ts';

/** Makes the task the only thread of its process, with the process's id. */
const becomeLeader = (task: Task): void => {
  const { process, kernel } = task;
  for (const t of [...process.threads]) {
    if (t === task) continue;
    unpark(t);
    exitTask(t, 0);
  }
  if (process.leader === task) return;
  kernel.tasks.delete(task.tid);
  task.tid = process.pid;
  kernel.tasks.set(task.tid, task);
  process.leader = task;
};

/** Call it before the new memory is in place: it still writes to the old one (clear_child_tid, robust list). */
export const beginExec = (task: Task): void => {
  const { process } = task;
  becomeLeader(task);
  releaseMemory(task);
  if (task.sighand.refs > 1) {
    task.sighand.refs--;
    task.sighand = { actions: task.sighand.actions.slice(), refs: 1 };
  }
  actionsAfterExec(task);
  deleteTimers(process);
  task.altstack = { sp: 0, size: 0, flags: 0 };
  task.rseq = null;
  process.execed = true;
  process.exitSignal = SIG.SIGCHLD;
  process.attributes.set('dumpable', 1);
  const persona = process.attributes.get('personality') ?? 0;
  if (persona & PERSONALITY.READ_IMPLIES_EXEC)
    process.attributes.set('personality', persona & ~PERSONALITY.READ_IMPLIES_EXEC);
  task.attributes.delete('keepcaps');
  releaseVfork(task);
};
