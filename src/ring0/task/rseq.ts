// Restartable sequences (rseq(2)): a critical section that is preempted or interrupted starts over at its abort
// handler. There is one CPU, so the cpu_id fields are written once, when the area is registered.

import { RSEQ, RSEQ_CS } from '../../abi/futex.ts';
import { SIG } from '../../abi/signal.ts';
import { forceSignal, kernelInfo } from './signals.ts';
import type { Task } from './types.ts';

/** If the task on the CPU is inside a critical section, moves it to the section's abort handler. */
export const leaveCriticalSection = (task: Task): void => {
  const { rseq, mm } = task;
  if (rseq === null) return;
  const section = mm.readU64(rseq.addr + RSEQ.rseqCs);
  if (section === 0) return;
  const cs = section === null ? null : mm.read(section, RSEQ_CS.size);
  if (cs === null) {
    forceSignal(task, kernelInfo(SIG.SIGSEGV));
    return;
  }
  const dv = new DataView(cs.buffer, cs.byteOffset);
  const { cpu } = task.kernel;
  const start = Number(dv.getBigUint64(RSEQ_CS.startIp, true));
  const length = Number(dv.getBigUint64(RSEQ_CS.postCommitOffset, true));
  const abort = Number(dv.getBigUint64(RSEQ_CS.abortIp, true));
  mm.writeI64(rseq.addr + RSEQ.rseqCs, 0);
  if (cpu.rip < start || cpu.rip >= start + length) return;
  // The signature before the abort handler keeps rseq from being a way to jump anywhere.
  if (mm.readU32(abort - 4) === rseq.signature) cpu.rip = abort;
  else forceSignal(task, kernelInfo(SIG.SIGSEGV));
};
