// Signals as strace writes them: names, sets, siginfo_t, wait statuses.

import {
  BUS,
  CLD,
  FPE,
  ILL,
  NSIG,
  POLL,
  SEGV,
  SI,
  SIG,
  SIGINFO,
  SYS_SECCOMP,
  signalName,
  TRAP,
} from '../abi/signal.ts';
import type { SigInfo } from '../ring0/task/types.ts';
import { type ConstantStyle, hex, named, pointer, styled } from './print.ts';

/** A set: `[INT USR1]`, `~[USR1]` when most are in it, `[]`. Words are bits 1..32 and 33..64. */
export const signalSet = (low: number, high: number, style: ConstantStyle = 'abbrev'): string => {
  const has = (n: number): boolean => ((n <= 32 ? low >>> (n - 1) : high >>> (n - 33)) & 1) === 1;
  const all = Array.from({ length: NSIG }, (_, i) => i + 1);
  const inside = all.filter(has);
  const negate = inside.length >= (NSIG * 2) / 3;
  const shown = negate ? all.filter((n) => !has(n)) : inside;
  return `${negate ? '~' : ''}[${shown.map((n) => styled(style, String(n), shortName(n))).join(' ')}]`;
};

/** Inside sets names lose their SIG, and the first real-time signal is RTMIN. */
const shortName = (n: number): string => (n === 32 ? 'RTMIN' : signalName(n).replace(/^SIG/, ''));

/** A signal number as an argument: SIGINT, SIGRTMIN, SIGRT_3, 0. */
export const signal = (n: number, style: ConstantStyle = 'abbrev'): string =>
  styled(style, String(n), n === 32 ? 'SIGRTMIN' : signalName(n));

const CODES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  [SIG.SIGILL]: ILL,
  [SIG.SIGFPE]: FPE,
  [SIG.SIGSEGV]: SEGV,
  [SIG.SIGBUS]: BUS,
  [SIG.SIGTRAP]: TRAP,
  [SIG.SIGCHLD]: CLD,
  [SIG.SIGIO]: POLL,
  [SIG.SIGSYS]: { SYS_SECCOMP },
};

const codeName = (signo: number, code: number, style: ConstantStyle): string => {
  const own = code > 0 && code < SI.SI_KERNEL ? CODES[signo] : undefined;
  return named(code, own ?? SI, 'SI_???', style);
};

/** CPU time of a child in clock ticks, with seconds when there are any. */
const ticks = (t: number): string => (t === 0 ? '0' : `${t} /* ${(t / 100).toFixed(2)} s */`);

/** `{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8, si_uid=0, si_status=3, si_utime=0, si_stime=0}` */
export const siginfo = (
  info: SigInfo,
  style: ConstantStyle = 'abbrev',
  processId: (id: number) => string = String,
): string => {
  const { signo, code } = info;
  const out = [`si_signo=${signal(signo, style)}`, `si_code=${codeName(signo, code, style)}`];
  if (info.errno !== 0) out.push(`si_errno=${info.errno}`);
  const fault = info.addr !== undefined && code > 0 && code !== SI.SI_KERNEL;
  if (fault) out.push(`si_addr=${pointer(info.addr ?? 0)}`);
  else if (code === SI.SI_TIMER) {
    out.push(
      `si_timerid=${info.timerId ? hex(info.timerId) : '0'}`,
      `si_overrun=${info.overrun ?? 0}`,
      value(info),
    );
  } else if (code !== SI.SI_KERNEL) {
    if (info.pid !== undefined) out.push(`si_pid=${processId(info.pid)}`, `si_uid=${info.uid ?? 0}`);
    if (signo === SIG.SIGCHLD && code > 0) {
      const exited = code === CLD.CLD_EXITED;
      out.push(`si_status=${exited ? (info.status ?? 0) : signal(info.status ?? 0, style)}`);
      out.push(`si_utime=${ticks(info.utime ?? 0)}`, `si_stime=${ticks(info.stime ?? 0)}`);
    } else if (info.band !== undefined) out.push(`si_band=${info.band}`, `si_fd=${info.fd ?? 0}`);
    else if (code === SI.SI_QUEUE || code === SI.SI_MESGQ) out.push(value(info));
  }
  return `{${out.join(', ')}}`;
};

const value = (info: SigInfo): string => {
  const v = info.value ?? 0n;
  return `si_int=${Number(BigInt.asIntN(32, v))}, si_ptr=${v === 0n ? 'NULL' : `0x${v.toString(16)}`}`;
};

/** siginfo_t as it lies in memory, 128 bytes: the union's member is chosen by signal and code. */
export const siginfoBytes = (bytes: Uint8Array, style?: ConstantStyle): string => {
  const { signo, errno, code, pid, uid, value } = SIGINFO.queue.decode(bytes);
  const head = { signo, errno, code };
  if (code === SI.SI_KERNEL) return siginfo(head, style);
  if (signo === SIG.SIGCHLD && code > 0) {
    const { status, utime, stime } = SIGINFO.child.decode(bytes);
    return siginfo({ ...head, pid, uid, status, utime, stime }, style);
  }
  if (code === SI.SI_TIMER) {
    const { timerId, overrun } = SIGINFO.timer.decode(bytes);
    return siginfo({ ...head, timerId, overrun, value }, style);
  }
  if (code > 0 && CODES[signo] !== undefined && signo !== SIG.SIGIO) {
    return siginfo({ ...head, addr: SIGINFO.fault.decode(bytes).addr }, style);
  }
  return siginfo({ ...head, pid, uid, value }, style);
};

/** A status word of wait(2): `{WIFEXITED(s) && WEXITSTATUS(s) == 0}`. */
export const waitStatus = (w: number, style?: ConstantStyle): string => {
  const low = w & 0x7f;
  if (w === 0xffff) return '{WIFCONTINUED(s)}';
  if (low === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${(w >>> 8) & 0xff}}`;
  if (low === 0x7f) return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signal((w >>> 8) & 0xff, style)}}`;
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signal(low, style)}${w & 0x80 ? ' && WCOREDUMP(s)' : ''}}`;
};
