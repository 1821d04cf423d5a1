// Memory is out and nothing can be reclaimed: somebody has to go (mm/oom_kill.c).

import { SI, SIG } from '../../abi/signal.ts';
import { exitGroup } from './exit.ts';
import { forceSignal } from './signals.ts';
import type { Process, Task } from './types.ts';

/** Who has most memory, the one that asks before others that have as much. */
const choose = (task: Task): Process => {
  let victim = task.process;
  let most = task.mm.usage().residentPages;
  for (const p of task.kernel.processes.values()) {
    if (p.state === 'zombie' || p.exiting) continue;
    const pages = p.leader.mm.usage().residentPages;
    if (pages > most) {
      victim = p;
      most = pages;
    }
  }
  return victim;
};

/**
 * Kills the process that has most memory. True when that is another one, whose memory is free now: what met the
 * shortage may be tried again. False when it is the task's own, which ends before it sees its program again.
 */
export const killForMemory = (task: Task): boolean => {
  const victim = choose(task);
  task.kernel.events.outOfMemory?.(victim);
  const first = victim.threads.values().next().value;
  if (victim === task.process || first === undefined) {
    forceSignal(task, { signo: SIG.SIGKILL, errno: 0, code: SI.SI_KERNEL });
    return false;
  }
  const { mm } = first;
  exitGroup(first, SIG.SIGKILL);
  // Its memory goes at once; that of others may still be under the feet of the CPU.
  const { graveyard } = task.kernel.run;
  for (let i = graveyard.length - 1; i >= 0; i--) {
    if (graveyard[i] !== mm || mm === task.mm) continue;
    graveyard.splice(i, 1);
    mm.release();
  }
  return true;
};
