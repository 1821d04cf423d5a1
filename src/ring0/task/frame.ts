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
import type { Cpu } from '../../ring3/cpu.ts';
import { CPU, FLAG, GPR, OFF, VECTOR } from '../../ring3/layout.ts';
import { FPSTATE_BYTES, INITIAL_FPU, restoreFpu, writeFpstate } from './fpstate.ts';
import { leaveCriticalSection } from './rseq.ts';
import { setMask } from './signals.ts';
import { EMPTY, hasSignal } from './sigset.ts';
import type { SigAction, SigInfo, SigSet, Task } from './types.ts';

/** The ABI lets leaf functions use this much below rsp. */
const RED_ZONE = 128;
/** RFLAGS bits that a program may set through its frame; RF as well, but it holds for one instruction only. */
const USER_FLAGS = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.TF | FLAG.DF | FLAG.OF | FLAG.AC;

/** SIGCHLD and SIGIO have codes 1..6; others (SI_USER, SI_QUEUE ...) carry pid, uid and value. */
const LAST_CODE = 6;

/** siginfo_t as the program sees it: which of its fields there are, depends on the signal and the code. */
export const encodeSigInfo = (info: SigInfo): Uint8Array => {
  if (info.raw !== undefined) return info.raw;
  const { signo, errno, code, pid = 0, uid = 0, addr, value } = info;
  const bytes = new Uint8Array(SIGINFO_BYTES);
  const dv = new DataView(bytes.buffer);
  const { queue, child, timer, seccomp, poll } = SIGINFO;
  dv.setInt32(queue.offsets.signo, signo, true);
  dv.setInt32(queue.offsets.errno, errno, true);
  dv.setInt32(queue.offsets.code, code, true);
  if (info.timerId !== undefined) {
    dv.setInt32(timer.offsets.timerId, info.timerId, true);
    dv.setInt32(timer.offsets.overrun, info.overrun ?? 0, true);
    dv.setBigUint64(timer.offsets.value, BigInt.asUintN(64, value ?? 0n), true);
  } else if (addr !== undefined) {
    put64(dv, SIGINFO.fault.offsets.addr, addr);
    if (info.syscall === undefined) return bytes;
    dv.setInt32(seccomp.offsets.syscall, info.syscall, true);
    dv.setUint32(seccomp.offsets.arch, info.arch ?? 0, true);
  } else if (info.band !== undefined && code > 0 && code <= LAST_CODE) {
    put64(dv, poll.offsets.band, info.band);
    dv.setInt32(poll.offsets.fd, info.fd ?? 0, true);
  } else {
    dv.setInt32(queue.offsets.pid, pid, true);
    dv.setUint32(queue.offsets.uid, uid, true);
    if (info.status !== undefined && code > 0 && code <= LAST_CODE) {
      dv.setInt32(child.offsets.status, info.status, true);
      put64(dv, child.offsets.utime, info.utime ?? 0);
      put64(dv, child.offsets.stime, info.stime ?? 0);
    } else if (value !== undefined) dv.setBigUint64(queue.offsets.value, BigInt.asUintN(64, value), true);
  }
  return bytes;
};

export const onAltStack = (task: Task, sp: number): boolean => {
  const { altstack } = task;
  if (altstack.size === 0 || (altstack.flags & SS.SS_AUTODISARM) !== 0) return false;
  return sp > altstack.sp && sp - altstack.sp <= altstack.size;
};
/** ss_flags as sigaltstack(2) and frames report them. */
export const stackFlags = (task: Task, sp: number): number =>
  task.altstack.size === 0 ? SS.SS_DISABLE : onAltStack(task, sp) ? SS.SS_ONSTACK : 0;

/** General registers in the order of sigcontext, from its start; rip and the flags follow. */
const ORDER = [
  GPR.r8,
  GPR.r9,
  GPR.r10,
  GPR.r11,
  GPR.r12,
  GPR.r13,
  GPR.r14,
  GPR.r15,
  GPR.rdi,
  GPR.rsi,
  GPR.rbp,
  GPR.rbx,
  GPR.rdx,
  GPR.rax,
  GPR.rcx,
  GPR.rsp,
].map((reg) => (CPU + OFF.gpr + 8 * reg) / 4);
const RIP = (CPU + OFF.rip) / 4;
const HALF = 2 ** 32;
const CONTEXT = SIGFRAME.ucontext + UCONTEXT.mcontext;
const at = (field: keyof typeof SIGCONTEXT.offsets): number => CONTEXT + SIGCONTEXT.offsets[field];

/** Most bytes of a frame with the floating-point state and what their alignment leaves between them. */
const FRAME_BYTES = SIGFRAME.size + 8 + 64 + FPSTATE_BYTES;

/** Where frames are put together, one a kernel; it holds nothing between two signals. */
export interface FrameBuffer {
  readonly bytes: Uint8Array;
  readonly dv: DataView;
}
export const frameBuffer = (): FrameBuffer => {
  const bytes = new Uint8Array(FRAME_BYTES);
  return { bytes, dv: new DataView(bytes.buffer) };
};

/** Two's complement of an integer, |v| <= 2^53. */
const put64 = (dv: DataView, offset: number, v: number): void => {
  const high = Math.floor(v / HALF);
  dv.setUint32(offset, v - high * HALF, true);
  dv.setUint32(offset + 4, high, true);
};
const get64 = (dv: DataView, offset: number): number =>
  dv.getUint32(offset + 4, true) * HALF + dv.getUint32(offset, true);

/**
 * Builds the frame for a handler and points the CPU at it. False when the stack cannot hold it, which is the
 * program's SIGSEGV. The task must be on the CPU.
 */
export const enterHandler = (task: Task, info: SigInfo, action: SigAction, oldMask: SigSet): boolean => {
  const { cpu } = task.kernel;
  const { altstack, trap } = task;
  if ((action.flags & SA.SA_RESTORER) === 0) return false;
  leaveCriticalSection(task);
  const rsp = cpu.gpr(GPR.rsp);
  const inside = onAltStack(task, rsp);
  const below = rsp - RED_ZONE;
  const switching = (action.flags & SA.SA_ONSTACK) !== 0 && altstack.size !== 0 && !onAltStack(task, below);
  const top = switching ? altstack.sp + altstack.size : below;
  const fpstate = alignDown(top - FPSTATE_BYTES, 64);
  const frame = alignDown(fpstate - SIGFRAME.size, 16) - 8;
  // A frame that would run off the alternate stack is a fault, not an overwrite of what lies below it.
  if (frame <= 0 || ((inside || switching) && frame <= altstack.sp)) return false;

  const { bytes, dv } = task.kernel.run.frame;
  const { u32 } = cpu.frames;
  // What the kernel does not write (reserved words, siginfo without SA_SIGINFO) stays what it was.
  const length = fpstate - frame + FPSTATE_BYTES;
  if (task.mm.readInto(frame, bytes, 0, length) < length) return false;
  const uc = SIGFRAME.ucontext;
  put64(dv, 0, action.restorer);
  const strict = UC.UC_SIGCONTEXT_SS | UC.UC_STRICT_RESTORE_SS;
  put64(dv, uc + UCONTEXT.flags, UC.UC_FP_XSTATE | strict);
  put64(dv, uc + UCONTEXT.link, 0);
  put64(dv, uc + UCONTEXT.stack, altstack.sp);
  const ssFlags = stackFlags(task, rsp) | (altstack.flags & SS.SS_AUTODISARM);
  dv.setUint32(uc + UCONTEXT.stack + STACK_T.offsets.flags, ssFlags, true);
  put64(dv, uc + UCONTEXT.stack + STACK_T.offsets.size, altstack.size);
  let to = CONTEXT;
  for (const from of ORDER) {
    dv.setUint32(to, u32[from] as number, true);
    dv.setUint32(to + 4, u32[from + 1] as number, true);
    to += 8;
  }
  dv.setUint32(at('rip'), u32[RIP] as number, true);
  dv.setUint32(at('rip') + 4, u32[RIP + 1] as number, true);
  put64(dv, at('eflags'), cpu.rflags());
  dv.setUint16(at('cs'), USER_CS, true);
  dv.setUint16(at('gs'), 0, true);
  dv.setUint16(at('fs'), 0, true);
  dv.setUint16(at('ss'), USER_SS, true);
  put64(dv, at('err'), trap.errorCode);
  put64(dv, at('trapno'), trap.number);
  dv.setUint32(at('oldmask'), oldMask.lo, true);
  dv.setUint32(at('oldmask') + 4, oldMask.hi, true);
  put64(dv, at('cr2'), trap.cr2);
  put64(dv, at('fpstate'), fpstate);
  dv.setUint32(uc + UCONTEXT.sigmask, oldMask.lo, true);
  dv.setUint32(uc + UCONTEXT.sigmask + 4, oldMask.hi, true);
  if ((action.flags & SA.SA_SIGINFO) !== 0) bytes.set(encodeSigInfo(info), SIGFRAME.siginfo);
  writeFpstate(cpu, bytes.subarray(fpstate - frame, length));
  if (!task.mm.write(frame, bytes, 0, length)) return false;

  if ((altstack.flags & SS.SS_AUTODISARM) !== 0) task.altstack = { sp: 0, size: 0, flags: 0 };
  cpu.loadFpu(INITIAL_FPU);
  cpu.setGpr(GPR.rsp, frame);
  cpu.setGpr(GPR.rdi, info.signo);
  cpu.setGpr(GPR.rsi, frame + SIGFRAME.siginfo);
  cpu.setGpr(GPR.rdx, frame + uc);
  cpu.setGpr(GPR.rax, 0);
  cpu.rip = action.handler;
  cpu.setRflags(0, FLAG.DF | FLAG.RF | FLAG.TF);
  clearNullSelectors(cpu);
  return true;
};

/** IRET to a program leaves 0 of what is a null selector with a privilege (SDM volume 2, IRET). */
const clearNullSelectors = (cpu: Cpu): void => {
  const { u8 } = cpu.frames;
  for (let at = CPU + OFF.selectors; at < CPU + OFF.selectors + 4; at++) {
    if ((u8[at] as number) < 4) u8[at] = 0;
  }
};

const alignDown = (n: number, to: number): number => n - (n % to);

/**
 * Restores what the frame below rsp says. False when it cannot: the program gets SIGSEGV, in the registers of the
 * frame as far as they could be read.
 */
export const leaveHandler = (task: Task): boolean => {
  const { cpu, run } = task.kernel;
  const { bytes, dv } = run.frame;
  const frame = cpu.gpr(GPR.rsp) - 8;
  cpu.setGpr(GPR.rax, 0);
  if (task.mm.readInto(frame, bytes, 0, SIGFRAME.siginfo) < SIGFRAME.siginfo) return false;
  const uc = SIGFRAME.ucontext;
  const lo = dv.getUint32(uc + UCONTEXT.sigmask, true);
  setMask(task, { lo, hi: dv.getUint32(uc + UCONTEXT.sigmask + 4, true) });
  task.savedSigmask = null;
  restoreStack(task, uc + UCONTEXT.stack);
  const { u32 } = cpu.frames;
  let from = CONTEXT;
  for (const to of ORDER) {
    u32[to] = dv.getUint32(from, true);
    u32[to + 1] = dv.getUint32(from + 4, true);
    from += 8;
  }
  u32[RIP] = dv.getUint32(at('rip'), true);
  u32[RIP + 1] = dv.getUint32(at('rip') + 4, true);
  cpu.setRflags(dv.getUint32(at('eflags'), true) & ~FLAG.RF, USER_FLAGS | FLAG.RF);
  const cs = dv.getUint16(at('cs'), true) | 3;
  const ss = dv.getUint16(at('ss'), true) | 3;
  const strict = (dv.getUint32(uc + UCONTEXT.flags, true) & UC.UC_STRICT_RESTORE_SS) !== 0;
  const fpstate = get64(dv, at('fpstate'));
  if (!restoreFpu(task, fpstate, bytes)) {
    cpu.setGpr(GPR.rax, 0);
    return false;
  }
  const wrong = cs !== USER_CS ? cs : strict && ss !== USER_SS ? ss : 0;
  if (wrong === 0) return true;
  // IRET refuses the selector, and the kernel makes that a fault of the program.
  task.trap.number = VECTOR.GP;
  task.trap.errorCode = wrong & ~3;
  return false;
};

/** The alternate stack of the frame counts again, unless the task is still on it. */
const restoreStack = (task: Task, offset: number): void => {
  const { dv } = task.kernel.run.frame;
  const flags = dv.getUint32(offset + STACK_T.offsets.flags, true);
  const size = get64(dv, offset + STACK_T.offsets.size);
  const disarm = (flags & SS.SS_AUTODISARM) >>> 0;
  if (disarm === 0 && onAltStack(task, task.kernel.cpu.gpr(GPR.rsp))) return;
  const { altstack } = task;
  if ((flags & SS.SS_DISABLE) !== 0 || size === 0) {
    if (altstack.size !== 0) task.altstack = { sp: 0, size: 0, flags: 0 };
    return;
  }
  task.altstack = { sp: get64(dv, offset), size, flags: disarm };
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
