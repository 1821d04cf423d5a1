// The signal frame of x86-64: what a handler finds on its stack, and the way back from it (rt_sigreturn).
// Layout and rules as arch/x86/kernel/signal_64.c has them; all numbers come from abi/signal.ts.

import {
  SA,
  SIGCONTEXT,
  SIGFRAME,
  SIGINFO,
  SIGINFO_BYTES,
  SS,
  STACK_T,
  UC,
  UCONTEXT,
  USER_CS,
  USER_SS,
} from '../../abi/signal.ts';
import { FLAG, GPR } from '../../ring3/layout.ts';
import { leaveCriticalSection } from './rseq.ts';
import { setMask } from './signals.ts';
import { EMPTY, hasSignal, readSet } from './sigset.ts';
import type { SigAction, SigInfo, SigSet, Task } from './types.ts';

/** The ABI lets leaf functions use this much below rsp. */
const RED_ZONE = 128;
/** Bytes of the FXSAVE image. */
const FPSTATE_BYTES = 512;
/** RFLAGS bits that a program may set through its frame. */
const USER_FLAGS =
  FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.TF | FLAG.DF | FLAG.OF | FLAG.RF | FLAG.AC;

/** SIGCHLD and SIGIO have codes 1..6; others (SI_USER, SI_QUEUE ...) carry pid, uid and value. */
const LAST_CODE = 6;

/** siginfo_t as the program sees it. */
export const encodeSigInfo = (info: SigInfo): Uint8Array => {
  if (info.raw !== undefined) return info.raw;
  const { signo, errno, code, pid = 0, uid = 0, value = 0n } = info;
  const head = { signo, errno, code };
  if (info.timerId !== undefined) {
    return SIGINFO.timer.encode({ ...head, timerId: info.timerId, overrun: info.overrun ?? 0, value });
  }
  if (info.syscall !== undefined) {
    const { addr = 0, syscall, arch = 0 } = info;
    return SIGINFO.seccomp.encode({ ...head, addr, syscall, arch });
  }
  if (info.status !== undefined && code > 0 && code <= LAST_CODE) {
    const { status, utime = 0, stime = 0 } = info;
    return SIGINFO.child.encode({ ...head, pid, uid, status, utime, stime });
  }
  if (info.band !== undefined && code > 0 && code <= LAST_CODE) {
    return SIGINFO.poll.encode({ ...head, band: info.band, fd: info.fd ?? 0 });
  }
  if (info.addr !== undefined) return SIGINFO.fault.encode({ ...head, addr: info.addr });
  return SIGINFO.queue.encode({ ...head, pid, uid, value });
};

export const onAltStack = (task: Task, sp: number): boolean => {
  const { altstack } = task;
  if (altstack.size === 0 || (altstack.flags & SS.SS_AUTODISARM) !== 0) return false;
  return sp > altstack.sp && sp - altstack.sp <= altstack.size;
};
/** ss_flags as sigaltstack(2) and frames report them. */
export const stackFlags = (task: Task, sp: number): number =>
  task.altstack.size === 0 ? SS.SS_DISABLE : onAltStack(task, sp) ? SS.SS_ONSTACK : 0;

/**
 * Builds the frame for a handler and points the CPU at it. False when the stack cannot hold it, which is the
 * program's SIGSEGV. The task must be on the CPU.
 */
export const enterHandler = (task: Task, info: SigInfo, action: SigAction, oldMask: SigSet): boolean => {
  const { cpu } = task.kernel;
  const { mm, altstack } = task;
  if ((action.flags & SA.SA_RESTORER) === 0) return false;
  leaveCriticalSection(task);
  const rsp = cpu.gpr(GPR.rsp);
  const switching = (action.flags & SA.SA_ONSTACK) !== 0 && altstack.size !== 0 && !onAltStack(task, rsp);
  const top = switching ? altstack.sp + altstack.size : rsp - RED_ZONE;
  const fpstate = alignDown(top - FPSTATE_BYTES, 64);
  const frame = alignDown(fpstate - SIGFRAME.size, 16) - 8;
  if (frame <= 0) return false;
  // A frame that would run off the alternate stack is a fault, not an overwrite of what lies below it.
  if (onAltStack(task, rsp) && !switching && frame < altstack.sp) return false;
  if (switching && frame < altstack.sp) return false;

  const fpu = new Uint8Array(FPSTATE_BYTES);
  cpu.saveFpu(fpu);
  const big = (reg: number): bigint => cpu.gprBig(reg);
  const bytes = new Uint8Array(SIGFRAME.size);
  const dv = new DataView(bytes.buffer);
  const uc = SIGFRAME.ucontext;
  dv.setBigUint64(0, BigInt(action.restorer), true);
  dv.setBigUint64(uc + UCONTEXT.flags, BigInt(UC.UC_SIGCONTEXT_SS | UC.UC_STRICT_RESTORE_SS), true);
  const ssFlags = (stackFlags(task, rsp) | (altstack.flags & SS.SS_AUTODISARM)) >>> 0;
  bytes.set(STACK_T.encode({ sp: altstack.sp, flags: ssFlags, size: altstack.size }), uc + UCONTEXT.stack);
  bytes.set(
    SIGCONTEXT.encode({
      r8: big(GPR.r8),
      r9: big(GPR.r9),
      r10: big(GPR.r10),
      r11: big(GPR.r11),
      r12: big(GPR.r12),
      r13: big(GPR.r13),
      r14: big(GPR.r14),
      r15: big(GPR.r15),
      rdi: big(GPR.rdi),
      rsi: big(GPR.rsi),
      rbp: big(GPR.rbp),
      rbx: big(GPR.rbx),
      rdx: big(GPR.rdx),
      rax: big(GPR.rax),
      rcx: big(GPR.rcx),
      rsp: big(GPR.rsp),
      rip: BigInt(cpu.rip),
      eflags: BigInt(cpu.rflags() >>> 0),
      cs: USER_CS,
      gs: 0,
      fs: 0,
      ss: USER_SS,
      err: BigInt(task.trap.errorCode),
      trapno: BigInt(task.trap.number),
      oldmask: BigInt(oldMask.lo),
      cr2: BigInt(task.trap.cr2),
      fpstate: BigInt(fpstate),
    }),
    uc + UCONTEXT.mcontext,
  );
  dv.setUint32(uc + UCONTEXT.sigmask, oldMask.lo, true);
  dv.setUint32(uc + UCONTEXT.sigmask + 4, oldMask.hi, true);
  bytes.set(encodeSigInfo(info).subarray(0, SIGINFO_BYTES), SIGFRAME.siginfo);
  if (!mm.write(fpstate, fpu) || !mm.write(frame, bytes)) return false;

  if ((altstack.flags & SS.SS_AUTODISARM) !== 0) task.altstack = { sp: 0, size: 0, flags: 0 };
  cpu.setGpr(GPR.rsp, frame);
  cpu.setGpr(GPR.rdi, info.signo);
  cpu.setGpr(GPR.rsi, frame + SIGFRAME.siginfo);
  cpu.setGpr(GPR.rdx, frame + uc);
  cpu.setGpr(GPR.rax, 0);
  cpu.rip = action.handler;
  cpu.setRflags(0, FLAG.DF | FLAG.RF | FLAG.TF);
  return true;
};

const alignDown = (n: number, to: number): number => n - (n % to);

/** Restores what the frame below rsp says. False when it cannot be read: the program gets SIGSEGV. */
export const leaveHandler = (task: Task): boolean => {
  const { cpu } = task.kernel;
  const { mm } = task;
  const frame = cpu.gpr(GPR.rsp) - 8;
  const uc = frame + SIGFRAME.ucontext;
  const mask = readSet(mm, uc + UCONTEXT.sigmask);
  const bytes = mm.read(uc + UCONTEXT.mcontext, SIGCONTEXT.size);
  const stack = STACK_T.read(mm, uc + UCONTEXT.stack);
  if (mask === null || bytes === null || stack === null) return false;
  const c = SIGCONTEXT.decode(bytes);
  const fpstate = Number(c.fpstate);
  if (fpstate !== 0) {
    const fpu = mm.read(fpstate, FPSTATE_BYTES);
    if (fpu === null) return false;
    cpu.loadFpu(fpu);
  }
  setMask(task, mask);
  task.savedSigmask = null;
  const names = [
    'r8',
    'r9',
    'r10',
    'r11',
    'r12',
    'r13',
    'r14',
    'r15',
    'rdi',
    'rsi',
    'rbp',
    'rbx',
    'rdx',
  ] as const;
  for (const name of names) cpu.setGprBig(GPR[name], c[name]);
  cpu.setGprBig(GPR.rax, c.rax);
  cpu.setGprBig(GPR.rcx, c.rcx);
  cpu.setGprBig(GPR.rsp, c.rsp);
  cpu.rip = Number(c.rip);
  cpu.setRflags(Number(c.eflags & 0xffffffffn), USER_FLAGS);
  if (!onAltStack(task, Number(c.rsp)) || (stack.flags & SS.SS_AUTODISARM) !== 0) {
    const disabled = (stack.flags & SS.SS_DISABLE) !== 0 || stack.size === 0;
    task.altstack = disabled
      ? { sp: 0, size: 0, flags: 0 }
      : { sp: stack.sp, size: stack.size, flags: (stack.flags & SS.SS_AUTODISARM) >>> 0 };
  }
  return true;
};

/** The mask while a handler runs. */
export const handlerMask = (task: Task, action: SigAction, signo: number): SigSet => {
  const { sigmask } = task;
  const own = (action.flags & SA.SA_NODEFER) !== 0 || hasSignal(sigmask, signo) ? EMPTY : bitOf(signo);
  return {
    lo: (sigmask.lo | action.mask.lo | own.lo) >>> 0,
    hi: (sigmask.hi | action.mask.hi | own.hi) >>> 0,
  };
};
const bitOf = (signo: number): SigSet =>
  signo <= 32 ? { lo: (1 << (signo - 1)) >>> 0, hi: 0 } : { lo: 0, hi: (1 << (signo - 33)) >>> 0 };
