// Signals: actions, masks, sending, waiting, the alternate stack and the return from handlers (signal(7)).

import { EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ESRCH } from '../../abi/errno.ts';
import {
  defaultAction,
  MINSIGSTKSZ,
  SA_KNOWN,
  SI,
  SIG,
  SIG_DFL,
  SIG_HOW,
  SIG_IGN,
  SIGACTION,
  SIGINFO,
  SIGINFO_BYTES,
  SS,
  STACK_T,
} from '../../abi/signal.ts';
import { TIMESPEC } from '../../abi/time.ts';
import {
  choice,
  pid,
  signo,
  sigsetIn,
  sigsetOut,
  size,
  structIn,
  structInOrNull,
  structOut,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { GPR } from '../../ring3/layout.ts';
import { encodeSigInfo, leaveHandler, onAltStack, stackFlags } from '../task/frame.ts';
import {
  actionOf,
  dropPending,
  forceSignal,
  kernelInfo,
  kill,
  mayKill,
  pendingSet,
  setMask,
  setTemporaryMask,
  signalProcess,
  signalTask,
  takeOf,
  userInfo,
} from '../task/signals.ts';
import { difference, readSet, union, validSignal, withoutUnblockable, writeSet } from '../task/sigset.ts';
import type { SigInfo, Task } from '../task/types.ts';
import { block, REPLACED, type Result } from '../wait.ts';

const SIGSET_BYTES = 8;

/** A thread by its id, with the rule that a group id, if given, must be its own. */
const threadOf = (task: Task, group: number | null, tid: number): Task | undefined => {
  const t = task.kernel.tasks.get(tid);
  return t !== undefined && (group === null || t.process.pid === group) ? t : undefined;
};

const sendTo = (task: Task, target: Task | undefined, info: SigInfo): number => {
  if (target === undefined) return -ESRCH;
  if (info.signo !== 0 && !validSignal(info.signo)) return -EINVAL;
  if (!mayKill(task, target.process, info.signo)) return -EPERM;
  return info.signo === 0 ? 0 : signalTask(target, info);
};

/** A siginfo that a program made: only codes below zero, and not tkill's, may be sent to others. */
const forged = (task: Task, target: number, info: { readonly code: number }): boolean =>
  (info.code >= 0 || info.code === SI.SI_TKILL) && target !== task.process.pid;

const queued = (
  signo: number,
  given: Parameters<typeof SIGINFO.queue.encode>[0],
  bytes: Uint8Array,
): SigInfo => {
  const { errno = 0, code = 0, pid = 0, uid = 0, value = 0n } = given;
  const raw = bytes.slice();
  new DataView(raw.buffer).setInt32(0, signo, true);
  return { signo, errno, code, pid, uid, value, raw };
};

interface Timed {
  readonly deadline: number | null;
}

const sigtimedwait = (
  task: Task,
  setAt: number,
  infoAt: number,
  timeout: { sec: number; nsec: number } | null,
  bytes: number,
): Result => {
  if (bytes !== SIGSET_BYTES) return -EINVAL;
  const read = readSet(task.mm, setAt);
  if (read === null) return -EFAULT;
  if (timeout !== null && (timeout.sec < 0 || timeout.nsec < 0 || timeout.nsec >= 1e9)) return -EINVAL;
  const set = withoutUnblockable(read);
  task.sigwait = null;
  const info = takeOf(task, set);
  if (info !== null) {
    if (infoAt !== 0 && !task.mm.write(infoAt, encodeSigInfo(info), 0, SIGINFO_BYTES)) return -EFAULT;
    return info.signo;
  }
  const now = task.kernel.clock.monotonic();
  const again = task.resume as Timed | undefined;
  const deadline = again?.deadline ?? (timeout === null ? null : now + timeout.sec * 1e9 + timeout.nsec);
  if (deadline !== null && now >= deadline) return -EAGAIN;
  task.sigwait = set;
  return block([], 'eintr', deadline, { deadline } satisfies Timed);
};

const sigaltstack = (
  task: Task,
  next: { sp: number; flags: number; size: number } | null,
  oldAt: number,
): number => {
  const rsp = task.kernel.cpu.gpr(GPR.rsp);
  const { altstack } = task;
  const old = {
    sp: altstack.sp,
    flags: (stackFlags(task, rsp) | (altstack.flags & SS.SS_AUTODISARM)) >>> 0,
    size: altstack.size,
  };
  if (next !== null) {
    if (onAltStack(task, rsp)) return -EPERM;
    const mode = (next.flags & ~SS.SS_AUTODISARM) >>> 0;
    if (mode !== 0 && mode !== SS.SS_ONSTACK && mode !== SS.SS_DISABLE) return -EINVAL;
    // What changes nothing is not looked at any further.
    const same = next.sp === altstack.sp && next.size === altstack.size && next.flags === altstack.flags;
    if (same) task.altstack = altstack;
    else if (mode === SS.SS_DISABLE) task.altstack = { sp: 0, size: 0, flags: 0 };
    else {
      if (next.size < MINSIGSTKSZ) return -ENOMEM;
      task.altstack = { sp: next.sp, size: next.size, flags: (next.flags & SS.SS_AUTODISARM) >>> 0 };
    }
  }
  return oldAt === 0 || STACK_T.write(task.mm, oldAt, old) ? 0 : -EFAULT;
};

export const rows = [
  syscall(
    'rt_sigaction',
    [signo('signum'), structInOrNull('act', SIGACTION), structOut('oldact', SIGACTION), size('sigsetsize')],
    { returns: 'int', family: 'signal' },
    (task, signo, act, oldAt, bytes) => {
      if (bytes !== SIGSET_BYTES || !validSignal(signo)) return -EINVAL;
      if (act !== null && (signo === SIG.SIGKILL || signo === SIG.SIGSTOP)) return -EINVAL;
      const old = actionOf(task, signo);
      if (act !== null) {
        const { handler, restorer, maskLo: lo, maskHi: hi } = act;
        const mask = withoutUnblockable({ lo, hi });
        task.sighand.actions[signo] = { handler, flags: (act.flags & SA_KNOWN) >>> 0, restorer, mask };
        const drops = handler === SIG_IGN || (handler === SIG_DFL && defaultAction(signo) === 'ignore');
        if (drops) dropPending(task.process, signo);
      }
      if (oldAt === 0) return 0;
      const { handler, flags, restorer, mask } = old;
      const value = { handler, flags, restorer, maskLo: mask.lo, maskHi: mask.hi };
      return SIGACTION.write(task.mm, oldAt, value) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'rt_sigprocmask',
    [choice('how', SIG_HOW, 'SIG_???'), sigsetIn('set'), sigsetOut('oldset'), size('sigsetsize')],
    { returns: 'int', family: 'signal' },
    (task, how, setAt, oldAt, bytes) => {
      if (bytes !== SIGSET_BYTES) return -EINVAL;
      const old = task.sigmask;
      if (setAt !== 0) {
        const set = readSet(task.mm, setAt);
        if (set === null) return -EFAULT;
        if (how === SIG_HOW.SIG_BLOCK) setMask(task, union(old, set));
        else if (how === SIG_HOW.SIG_UNBLOCK) setMask(task, difference(old, set));
        else if (how === SIG_HOW.SIG_SETMASK) setMask(task, set);
        else return -EINVAL;
      }
      return oldAt === 0 || writeSet(task.mm, oldAt, old) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'rt_sigpending',
    [sigsetOut('set'), size('sigsetsize')],
    { returns: 'int', family: 'signal' },
    (task, at, bytes) => {
      if (bytes > SIGSET_BYTES) return -EINVAL;
      const { lo, hi } = pendingSet(task);
      const set = { lo: (lo & task.sigmask.lo) >>> 0, hi: (hi & task.sigmask.hi) >>> 0 };
      // As much of it as the caller has room for.
      const whole = new Uint8Array(new Uint32Array([set.lo, set.hi]).buffer);
      return task.mm.write(at, whole, 0, bytes) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'rt_sigsuspend',
    [sigsetIn('mask'), size('sigsetsize')],
    { returns: 'int', family: 'signal' },
    (task, at, bytes) => {
      if (bytes !== SIGSET_BYTES) return -EINVAL;
      const set = readSet(task.mm, at);
      if (set === null) return -EFAULT;
      setTemporaryMask(task, set);
      return block([], 'nohand');
    },
  ),
  // The kernel runs calls again by itself: there is never one that this could go on with (do_no_restart_syscall).
  syscall('restart_syscall', [], { returns: 'int', family: 'signal' }, () => -EINTR),
  syscall('pause', [], { returns: 'int', family: 'signal' }, () => block([], 'nohand')),
  syscall(
    'rt_sigtimedwait',
    [
      sigsetIn('set'),
      structOut('info', SIGINFO.queue),
      structInOrNull('timeout', TIMESPEC),
      size('sigsetsize'),
    ],
    { returns: 'int', family: 'signal' },
    sigtimedwait,
  ),
  syscall('rt_sigreturn', [], { returns: 'int', family: 'signal' }, (task) => {
    if (!leaveHandler(task)) forceSignal(task, kernelInfo(SIG.SIGSEGV));
    return REPLACED;
  }),
  syscall(
    'kill',
    [pid('pid'), signo('sig')],
    { returns: 'int', family: ['signal', 'process'] },
    (task, id, signo) => kill(task, id, userInfo(task, signo)),
  ),
  syscall(
    'tkill',
    [pid('tid'), signo('sig')],
    { returns: 'int', family: ['signal', 'process'] },
    (task, tid, signo) =>
      tid <= 0 ? -EINVAL : sendTo(task, threadOf(task, null, tid), userInfo(task, signo, SI.SI_TKILL)),
  ),
  syscall(
    'tgkill',
    [pid('tgid'), pid('tid'), signo('sig')],
    { returns: 'int', family: ['signal', 'process'] },
    (task, group, tid, signo) =>
      tid <= 0 || group <= 0
        ? -EINVAL
        : sendTo(task, threadOf(task, group, tid), userInfo(task, signo, SI.SI_TKILL)),
  ),
  syscall(
    'rt_sigqueueinfo',
    [pid('tgid'), signo('sig'), structIn('info', SIGINFO.queue)],
    { returns: 'int', family: ['signal', 'process'] },
    (task, id, signo, info) => {
      if (forged(task, id, info)) return -EPERM;
      const { processes, tasks } = task.kernel;
      const target = processes.get(id) ?? tasks.get(id)?.process;
      if (target === undefined) return -ESRCH;
      if (signo !== 0 && !validSignal(signo)) return -EINVAL;
      if (!mayKill(task, target, signo)) return -EPERM;
      return signo === 0 ? 0 : signalProcess(target, queued(signo, info, SIGINFO.queue.encode(info)));
    },
  ),
  syscall(
    'rt_tgsigqueueinfo',
    [pid('tgid'), pid('tid'), signo('sig'), structIn('info', SIGINFO.queue)],
    { returns: 'int', family: ['signal', 'process'] },
    (task, group, tid, signo, info) => {
      if (tid <= 0 || group <= 0) return -EINVAL;
      if ((info.code >= 0 || info.code === SI.SI_TKILL) && tid !== task.tid) return -EPERM;
      return sendTo(task, threadOf(task, group, tid), queued(signo, info, SIGINFO.queue.encode(info)));
    },
  ),
  syscall(
    'sigaltstack',
    [structInOrNull('ss', STACK_T), structOut('old_ss', STACK_T)],
    { returns: 'int', family: 'signal' },
    sigaltstack,
  ),
];
