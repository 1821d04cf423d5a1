// Delivering signals on the way back to ring 3, and what they do to a call that is waiting (signal(7),
// "Interruption of system calls"). A waiting call is first tried once more, so that what it waits for wins over
// the signal; only if it would still wait is it interrupted.

import { EINTR } from '../../abi/errno.ts';
import { defaultAction, SA, SI, SIG, SIG_DFL, SIG_IGN } from '../../abi/signal.ts';
import { GPR } from '../../ring3/layout.ts';
import type { Block } from '../wait.ts';
import { exitGroup } from './exit.ts';
import { enterHandler, handlerMask } from './frame.ts';
import { sleepOn } from './runqueue.ts';
import {
  actionOf,
  defaultActions,
  deliverable,
  dequeue,
  dying,
  forceSegv,
  orphanedGroup,
  stopProcess,
} from './signals.ts';
import { EMPTY } from './sigset.ts';
import type { SigInfo, Task } from './types.ts';

/** What the gate's taps are told about an interrupted call: the kernel's own codes (linux/errno.h). */
const SHOWN = {
  restart: -512,
  always: -513,
  nohand: -514,
  'restart-block': -516,
  eintr: -EINTR,
  uninterruptible: -EINTR,
} as const;
/** SYSCALL and INT 0x80 are both two bytes long. */
const SYSCALL_BYTES = 2;

/**
 * Acts on every deliverable signal. The task must be on the CPU, at a boundary of instructions. `waiting` is the
 * Block of the call that the signals interrupt. True when the context is as it was and the task can go on.
 */
export const deliver = (task: Task, waiting: Block | null = null): boolean => {
  let same = true;
  let interrupts = waiting;
  for (;;) {
    if (task.state !== 'runnable') return false;
    const info = dequeue(task);
    if (info === null) return same;
    const { signo } = info;
    const action = actionOf(task, signo);
    // A debugger sees those, too, that do nothing.
    task.kernel.events.signal?.(task, info);
    if (action.handler === SIG_IGN) continue;
    if (action.handler === SIG_DFL) {
      act(task, info);
      continue;
    }
    if (interrupts !== null) {
      interrupt(task, interrupts, (action.flags & SA.SA_RESTART) !== 0);
      interrupts = null;
    }
    same = false;
    const oldMask = task.savedSigmask ?? task.sigmask;
    if (!enterHandler(task, info, action, oldMask)) {
      forceSegv(task, signo);
      continue;
    }
    task.savedSigmask = null;
    task.sigmask = handlerMask(task, action, signo);
    if ((action.flags & SA.SA_RESETHAND) !== 0) {
      task.sighand.actions[signo] = { ...action, handler: SIG_DFL };
    }
  }
};

/** The default action of a signal. */
const act = (task: Task, info: SigInfo): void => {
  const { signo } = info;
  const what = defaultAction(signo);
  if (what === 'ignore' || what === 'cont') return;
  if (what === 'stop') {
    // Nobody could continue a group that its shell has left: the terminal's stops do nothing to it.
    if (signo !== SIG.SIGSTOP && orphanedGroup(task.kernel, task.process.pgid, info.code === SI.SI_KERNEL))
      return;
    stopProcess(task.process, signo);
    return;
  }
  exitGroup(task, signo);
};

/** Ends the waiting call as its rule says, with the registers set to the result or to run it again. */
const interrupt = (task: Task, waiting: Block, restart: boolean): void => {
  const { cpu, gate } = task.kernel;
  if (task.call === null) return;
  task.sigwait = null;
  if (waiting.partial !== undefined) {
    cpu.setGpr(GPR.rax, waiting.partial);
    gate.abandon(task, waiting.partial);
    return;
  }
  if (waiting.restart === 'always' || (waiting.restart === 'restart' && restart)) {
    cpu.setGpr(GPR.rax, task.call.number);
    cpu.rip -= SYSCALL_BYTES;
  } else cpu.setGpr(GPR.rax, -EINTR);
  gate.abandon(task, SHOWN[waiting.restart]);
};

/** The gate's hook: the call has to wait. Pending signals interrupt it instead of letting it sleep. */
export const park = (task: Task, block: Block): void => {
  if (task.state !== 'runnable') return;
  const stoppable = block.restart !== 'uninterruptible';
  if (stoppable ? deliverable(task) : dying(task)) {
    deliver(task, block);
    // Handled: the context is the handler's. Otherwise nothing happened that the program sees, and it waits on.
    if (task.state !== 'runnable' || task.call === null) return;
  }
  sleepOn(task, block);
};

/** The gate's hook: a call has ended and something is to be done before ring 3. True to go on as it was. */
export const work = (task: Task): boolean => {
  if (task.state !== 'runnable') return false;
  if (task.savedSigmask !== null) {
    task.sigmask = task.savedSigmask;
    task.savedSigmask = null;
  }
  return deliver(task);
};

/** Signal actions for a new program: handlers become the default, what is ignored stays so. */
export const actionsAfterExec = (task: Task): void => {
  const { actions } = task.sighand;
  const fresh = defaultActions();
  for (const [i, a] of actions.entries())
    if (a.handler === SIG_IGN) fresh[i] = { handler: SIG_IGN, flags: 0, restorer: 0, mask: EMPTY };
  task.sighand.actions = fresh;
};
