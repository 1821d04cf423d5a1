// Signals as x86-64 Linux numbers and lays them out: numbers, default actions, flags of sigaction(2), codes of
// siginfo_t, and the structs of signal(7)'s calls. Sources: asm/signal.h, asm-generic/siginfo.h.

import type { FlagTable } from '../gate/codec.ts';
import { once } from '../once.ts';
import { struct } from './struct.ts';

export const SIG = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

/** The kernel's first real-time signal; glibc keeps 32 and 33 for itself. */
export const SIGRTMIN = 32;
/** Number of signals: valid numbers are 1..NSIG. */
export const NSIG = 64;

const names = once(() => new Map<number, string>(Object.entries(SIG).map(([k, v]) => [v, k])));
/** `SIGINT`, or `SIGRT_3` for real-time signals as strace writes them. */
export const signalName = (n: number): string =>
  names().get(n) ?? (n >= SIGRTMIN && n <= NSIG ? `SIGRT_${n - SIGRTMIN}` : String(n));

export type DefaultAction = 'term' | 'core' | 'stop' | 'cont' | 'ignore';

const actions = once(() => {
  const { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS } = SIG;
  const table: readonly (readonly [DefaultAction, readonly number[]])[] = [
    ['core', [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS]],
    ['stop', [SIG.SIGSTOP, SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU]],
    ['ignore', [SIG.SIGCHLD, SIG.SIGURG, SIG.SIGWINCH]],
    ['cont', [SIG.SIGCONT]],
  ];
  return new Map(table.flatMap(([action, signals]) => signals.map((s) => [s, action] as const)));
});
/** What SIG_DFL means for a signal (signal(7)). */
export const defaultAction = (n: number): DefaultAction => actions().get(n) ?? 'term';

export const SIG_DFL = 0;
export const SIG_IGN = 1;

export const SA = {
  SA_NOCLDSTOP: 0x1,
  SA_NOCLDWAIT: 0x2,
  SA_SIGINFO: 0x4,
  SA_UNSUPPORTED: 0x400,
  SA_EXPOSE_TAGBITS: 0x800,
  SA_RESTORER: 0x04000000,
  SA_ONSTACK: 0x08000000,
  SA_RESTART: 0x10000000,
  SA_NODEFER: 0x40000000,
  SA_RESETHAND: 0x80000000,
} as const;
/** Bits of sa_flags that a modern kernel keeps; the others are cleared so that programs can probe for them. */
export const SA_KNOWN = 0xdc000807;
export const SA_FLAGS: FlagTable = { unknown: 'SA_???', bits: SA };

export const SIG_HOW = { SIG_BLOCK: 0, SIG_UNBLOCK: 1, SIG_SETMASK: 2 } as const;

export const SS = { SS_ONSTACK: 1, SS_DISABLE: 2, SS_AUTODISARM: 0x80000000 } as const;
export const SS_FLAGS: FlagTable = { unknown: 'SS_???', bits: SS };
/** The least size of an alternate stack that sigaltstack takes. */
export const MINSIGSTKSZ = 2048;

/** si_code values that do not depend on the signal. */
export const SI = {
  SI_USER: 0,
  SI_KERNEL: 0x80,
  SI_QUEUE: -1,
  SI_TIMER: -2,
  SI_MESGQ: -3,
  SI_ASYNCIO: -4,
  SI_SIGIO: -5,
  SI_TKILL: -6,
} as const;
export const ILL = { ILL_ILLOPC: 1, ILL_ILLOPN: 2, ILL_PRVOPC: 5 } as const;
export const FPE = {
  FPE_INTDIV: 1,
  FPE_INTOVF: 2,
  FPE_FLTDIV: 3,
  FPE_FLTOVF: 4,
  FPE_FLTUND: 5,
  FPE_FLTRES: 6,
  FPE_FLTINV: 7,
  FPE_FLTSUB: 8,
} as const;
export const SEGV = { SEGV_MAPERR: 1, SEGV_ACCERR: 2 } as const;
export const BUS = { BUS_ADRALN: 1, BUS_ADRERR: 2, BUS_OBJERR: 3 } as const;
export const TRAP = { TRAP_BRKPT: 1, TRAP_TRACE: 2 } as const;
export const CLD = {
  CLD_EXITED: 1,
  CLD_KILLED: 2,
  CLD_DUMPED: 3,
  CLD_TRAPPED: 4,
  CLD_STOPPED: 5,
  CLD_CONTINUED: 6,
} as const;
export const POLL = { POLL_IN: 1, POLL_OUT: 2, POLL_MSG: 3, POLL_ERR: 4, POLL_PRI: 5, POLL_HUP: 6 } as const;
export const SYS_SECCOMP = 1;

/** struct kernel_sigaction of x86-64. */
export const SIGACTION = struct('sigaction', {
  handler: 'u64',
  /** The low half of a u64: glibc passes an int, sign-extended, which would not be exact. */
  flags: 'u32',
  flagsHigh: 'u32',
  restorer: 'u64',
  maskLo: 'u32',
  maskHi: 'u32',
});
/** stack_t. */
export const STACK_T = struct('stack_t', { sp: 'u64', flags: 'u32', size: 'u64' });

/** siginfo_t is 128 bytes; its fields are at fixed places by kind of signal. */
export const SIGINFO_BYTES = 128;
export const SIGINFO = {
  /** kill, tkill, sigqueue */
  queue: struct(
    'siginfo',
    { signo: 'i32', errno: 'i32', code: 'i32', pad: 'i32', pid: 'i32', uid: 'u32', value: 'b64' },
    128,
  ),
  child: struct(
    'siginfo',
    {
      signo: 'i32',
      errno: 'i32',
      code: 'i32',
      pad: 'i32',
      pid: 'i32',
      uid: 'u32',
      status: 'i32',
      utime: 'i64',
      stime: 'i64',
    },
    128,
  ),
  fault: struct('siginfo', { signo: 'i32', errno: 'i32', code: 'i32', pad: 'i32', addr: 'u64' }, 128),
  poll: struct(
    'siginfo',
    { signo: 'i32', errno: 'i32', code: 'i32', pad: 'i32', band: 'i64', fd: 'i32' },
    128,
  ),
  timer: struct(
    'siginfo',
    { signo: 'i32', errno: 'i32', code: 'i32', pad: 'i32', timerId: 'i32', overrun: 'i32', value: 'b64' },
    128,
  ),
  seccomp: struct(
    'siginfo',
    { signo: 'i32', errno: 'i32', code: 'i32', pad: 'i32', addr: 'u64', syscall: 'i32', arch: 'u32' },
    128,
  ),
} as const;

/** struct sigcontext_64: the machine context of a signal frame. */
export const SIGCONTEXT = struct(
  'sigcontext',
  {
    r8: 'b64',
    r9: 'b64',
    r10: 'b64',
    r11: 'b64',
    r12: 'b64',
    r13: 'b64',
    r14: 'b64',
    r15: 'b64',
    rdi: 'b64',
    rsi: 'b64',
    rbp: 'b64',
    rbx: 'b64',
    rdx: 'b64',
    rax: 'b64',
    rcx: 'b64',
    rsp: 'b64',
    rip: 'b64',
    eflags: 'b64',
    cs: 'u16',
    gs: 'u16',
    fs: 'u16',
    ss: 'u16',
    err: 'b64',
    trapno: 'b64',
    oldmask: 'b64',
    cr2: 'b64',
    fpstate: 'b64',
  },
  256,
);
/** Offsets in the kernel's struct ucontext, and its size. */
export const UCONTEXT = { flags: 0, link: 8, stack: 16, mcontext: 40, sigmask: 296, size: 304 } as const;
export const UC = { UC_FP_XSTATE: 1, UC_SIGCONTEXT_SS: 2, UC_STRICT_RESTORE_SS: 4 } as const;
/** struct rt_sigframe: return address, ucontext, siginfo. */
export const SIGFRAME = { ucontext: 8, siginfo: 312, size: 440 } as const;
/** Selectors that 64-bit user code runs with. */
export const USER_CS = 0x33;
export const USER_SS = 0x2b;

export const SFD_FLAGS: FlagTable = {
  unknown: 'SFD_???',
  bits: { SFD_CLOEXEC: 0o2000000, SFD_NONBLOCK: 0o4000 },
};
/** struct signalfd_siginfo. */
export const SIGNALFD_SIGINFO = struct(
  'signalfd_siginfo',
  {
    signo: 'u32',
    errno: 'i32',
    code: 'i32',
    pid: 'u32',
    uid: 'u32',
    fd: 'i32',
    tid: 'u32',
    band: 'u32',
    overrun: 'u32',
    trapno: 'u32',
    status: 'i32',
    int: 'i32',
    ptr: 'u64',
    utime: 'u64',
    stime: 'u64',
    addr: 'u64',
  },
  128,
);
