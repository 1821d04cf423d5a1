// /proc/[pid]/syscall: the call that a task is in, its arguments, its stack pointer and where it will go on (proc(5)).

import { CONTEXT_BYTES, CPU, GPR, OFF } from '../../ring3/layout.ts';
import type { Task } from '../task/types.ts';
import type { Subject } from './proc-status.ts';

const ARGUMENTS = [GPR.rdi, GPR.rsi, GPR.rdx, GPR.r10, GPR.r8, GPR.r9];

/** Registers of a task: those of the reader are in the processor. */
const registersOf = (task: Task, reader: Task): DataView => {
  const { dv } = task.kernel.cpu.frames;
  if (task === reader) return new DataView(dv.buffer, dv.byteOffset + CPU, CONTEXT_BYTES);
  const { buffer, byteOffset } = task.context;
  return new DataView(buffer, byteOffset, CONTEXT_BYTES);
};

export const callOf = ({ task }: Subject, reader: Task): string => {
  if (task.state === 'dead') return '-1 0x0 0x0\n';
  if (task.state === 'runnable' && task !== reader) return 'running\n';
  const registers = registersOf(task, reader);
  const read = (offset: number): string => `0x${registers.getBigUint64(offset, true).toString(16)}`;
  const general = (r: number): string => read(OFF.gpr + 8 * r);
  const place = `${general(GPR.rsp)} ${read(OFF.rip)}\n`;
  const number =
    task === reader ? registers.getInt32(OFF.gpr + 8 * GPR.rax, true) : (task.call?.number ?? -1);
  return number < 0 ? `-1 ${place}` : `${number} ${ARGUMENTS.map(general).join(' ')} ${place}`;
};
