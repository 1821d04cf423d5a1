// The run loop: takes a runnable task, puts it on the CPU, and acts on why the CPU came back (round robin, one
// task at a time, preempted by budget). The machine calls `runSlice` between host events.

import { SEGV, SIG } from '../../abi/signal.ts';
import type { Cpu } from '../../ring3/cpu.ts';
import { FLAG, STATUS, VECTOR } from '../../ring3/layout.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE } from '../mm/layout.ts';
import { isBlock } from '../wait.ts';
import { deliver } from './deliver.ts';
import { exitBroken, exitGroup } from './exit.ts';
import { checkCpuTime, hasCpuLimit } from './itimers.ts';
import { sampleLoad } from './load.ts';
import { killForMemory } from './oom.ts';
import { leaveCriticalSection } from './rseq.ts';
import { BUDGET, bury, pick, requeue, runnableCount, settle, sleepOn, switchTo } from './runqueue.ts';
import { dying, forceSignal } from './signals.ts';
import { nextDeadline, runTimers } from './timers.ts';
import { exceptionSignal } from './traps.ts';
import type { Task } from './types.ts';

export { park, work } from './deliver.ts';

/** A slice longer than the one halves the task's budget, one shorter than the other doubles it again. */
const LEAST_BUDGET = 500;
const LONG_SLICE_NS = 4e6;
const SHORT_SLICE_NS = 1e6;
/** The bit of a page fault's error code that says a page was there. */
const PF_PRESENT = 1;
/** Returns from the CPU that do not use up the budget (faults, exec) before it is the next one's turn. */
const RETURNS = 256;
/** A timer this near (ns) is waited for by looking at the clock: the host's own timers are no finer than 1 ms. */
const SPIN_NS = 300_000;

/**
 * Runs tasks for up to `maxMs` of host time. 'idle': nothing can run before `nextWake` or a host event; 'busy': the time is
 * up; 'done': no process is left.
 */
export const runSlice = (kernel: Kernel, maxMs: number): 'idle' | 'busy' | 'done' => {
  const { run, clock } = kernel;
  let now = clock.monotonic();
  const end = now + maxMs * 1e6;
  sampleLoad(run.load, now, 0);
  for (;;) {
    runTimers(run.timers, now);
    const task = pick(run);
    if (task === null) {
      bury(kernel);
      if (kernel.processes.size === (kernel.init === undefined ? 0 : 1)) return 'done';
      const next = nextDeadline(run.timers);
      if (next === null || next > now + SPIN_NS || now >= end) return 'idle';
      now = clock.monotonic();
      continue;
    }
    kernel.current = task;
    run.sliceStart = now;
    run.turnEnd = now + LONG_SLICE_NS;
    const began = now;
    const preempted = guarded(task);
    now = settle(kernel);
    if (preempted) adapt(task, now - began);
    kernel.current = null;
    if (run.graveyard.length > 0) bury(kernel);
    requeue(task);
    if (now >= run.load.next) sampleLoad(run.load, now, runnableCount(kernel));
    if (task.process.cpuTimers > 0 || hasCpuLimit(task.process)) checkCpuTime(task.process);
    if (now >= end) return 'busy';
  }
};

/** When the machine should call runSlice again although no host event came: monotonic ns, or null. */
export const nextWake = (kernel: Kernel): number | null => nextDeadline(kernel.run.timers);

const adapt = (task: Task, ns: number): void => {
  if (ns > LONG_SLICE_NS) task.budget = Math.max(LEAST_BUDGET, task.budget >> 1);
  else if (ns < SHORT_SLICE_NS && task.budget < BUDGET) task.budget = Math.min(BUDGET, task.budget << 1);
};

/**
 * A bug of the kernel or of the CPU must cost no more than the process that met it: it is reported and killed by
 * SIGSYS, and the machine goes on.
 */
const guarded = (task: Task): boolean => {
  try {
    return runTask(task);
  } catch (e) {
    const { kernel } = task;
    kernel.bug(`process ${task.process.pid} (${task.comm})`, e);
    try {
      exitGroup(task, SIG.SIGSYS);
    } catch (again) {
      const bug = (error: unknown): void => kernel.bug(`the end of process ${task.process.pid}`, error);
      bug(again);
      exitBroken(task.process, SIG.SIGSYS, bug);
    }
    return false;
  }
};

/** Runs one task until it blocks, ends, stops, or has used its turn: then true. */
const runTask = (task: Task): boolean => {
  const { kernel, process } = task;
  const { cpu, gate } = kernel;
  switchTo(task);
  for (let i = 0; i < RETURNS; i++) {
    if (task.call !== null) {
      gate.retry(task);
      if (task.state !== 'runnable') break;
    } else if ((task.pending.length > 0 || process.sharedPending.length > 0) && !deliver(task)) {
      if (task.state !== 'runnable') break;
    }
    const status = cpu.run(task.budget);
    if (status === STATUS.fault) fault(task);
    else if (status === STATUS.budget) {
      process.usage.preemptions++;
      if (task.rseq !== null) leaveCriticalSection(task);
      return true;
    }
    if (task.state !== 'runnable') break;
    if (kernel.clock.monotonic() > kernel.run.turnEnd) break;
    // execve changed the address space, or it was changed under the task's feet.
    if (kernel.run.mm !== task.mm) switchTo(task);
  }
  process.usage.switches++;
  return false;
};

/** Turns the CPU's exception into a signal. The machine has asked the address space already whether it can resolve it. */
const fault = (task: Task): void => {
  const { cpu } = task.kernel;
  const { vector, errorCode, address } = cpu.exception;
  task.trap.number = vector;
  task.trap.errorCode = errorCode;
  if (vector !== VECTOR.PF) {
    if (vector !== VECTOR.BP && vector !== VECTOR.OF && vector !== VECTOR.DB) markFault(cpu);
    forceSignal(task, exceptionSignal(cpu, vector));
    return;
  }
  task.trap.cr2 = address;
  // Nobody is to learn what is mapped there (set_signal_archinfo in arch/x86/mm/fault.c).
  if (address < 0 || address >= TASK_SIZE) task.trap.errorCode |= PF_PRESENT;
  if (address < 0) {
    markFault(cpu);
    forceSignal(task, { signo: SIG.SIGSEGV, errno: 0, code: SEGV.SEGV_MAPERR, addr: address });
    return;
  }
  const access = (errorCode & 16) !== 0 ? 'exec' : (errorCode & 2) !== 0 ? 'write' : 'read';
  const r = task.mm.fault(address, access);
  if (r === 'resolved') return;
  if ('blocked' in r && isBlock(r)) {
    // The page is on its way; only death interrupts the wait.
    if (!dying(task)) sleepOn(task, r);
    return;
  }
  if ('signo' in r) {
    const info = { signo: r.signo, errno: 0, code: r.code, addr: r.addr };
    if (r.signo === SIG.SIGKILL) killForMemory(task);
    else {
      markFault(cpu);
      forceSignal(task, info);
    }
  }
};

/** RF in the flags that are pushed tells faults, which come before their instruction, from traps (SDM volume 3, 18.3.1.1). */
const markFault = (cpu: Cpu): void => cpu.setRflags(FLAG.RF, FLAG.RF);
