// What can be set of a process by writing to the files of its directory in /proc (proc(5)).

import { EACCES, EINVAL, EPERM, ERANGE } from '../../abi/errno.ts';
import { capable } from '../task/creds.ts';
import type { Task } from '../task/types.ts';
import { hex, numberOf } from './proc-format.ts';
import type { Subject } from './proc-status.ts';

export const COMM_LENGTH = 15;

export const setComm = ({ task, process }: Subject, writer: Task, text: string): number => {
  if (writer.process !== process) return -EINVAL;
  const end = text.indexOf('\0');
  task.comm = (end < 0 ? text : text.slice(0, end)).slice(0, COMM_LENGTH);
  if (task === process.leader) process.comm = task.comm;
  return 0;
};

/** A number with white space around it, in any base that strtol knows; null for anything else. */
const numberIn = (text: string): number | null => {
  const v = numberOf(text.trim());
  return v === null ? null : Number(v);
};

export const setOomScore = ({ process }: Subject, writer: Task, text: string): number => {
  const v = numberIn(text);
  if (v === null || v < -1000 || v > 1000) return -EINVAL;
  const least = process.attributes.get('oomScoreMin') ?? 0;
  if (v < least && !capable(writer, 'CAP_SYS_RESOURCE')) return -EACCES;
  process.attributes.set('oomScore', v);
  return 0;
};

/** The older scale, from -17 to 15. */
export const setOomAdjustment = ({ process }: Subject, writer: Task, text: string): number => {
  const v = numberIn(text);
  if (v === null || v < -17 || v > 15) return -EINVAL;
  const score = v === 15 ? 1000 : Math.trunc((v * 1000) / 17);
  const now = process.attributes.get('oomScore') ?? 0;
  if (score < now && !capable(writer, 'CAP_SYS_RESOURCE')) return -EACCES;
  process.attributes.set('oomScore', score);
  return 0;
};

/** What a core dump would have: anonymous memory, ELF headers and private huge pages. There are no dumps. */
const USUAL_DUMP = 0x33;
const KNOWN_DUMP = 0x1ff;

export const coredumpFilter = ({ process }: Subject): string =>
  `${hex(process.attributes.get('coredumpFilter') ?? USUAL_DUMP, 8)}\n`;

export const setCoredumpFilter = ({ process }: Subject, _writer: Task, text: string): number => {
  const v = numberIn(text);
  if (v === null || v < 0) return -EINVAL;
  if (v > 0xffffffff) return -ERANGE;
  process.attributes.set('coredumpFilter', v & KNOWN_DUMP);
  return 0;
};

export const setTimerSlack = ({ task }: Subject, writer: Task, text: string): number => {
  if (!/^\d+\s*$/.test(text)) return -EINVAL;
  if (task !== writer && !capable(writer, 'CAP_SYS_NICE')) return -EPERM;
  const usual = task.attributes.get('timerslackDefault') ?? 50000;
  const ns = Number(text);
  task.attributes.set('timerslack', ns === 0 ? usual : ns);
  return 0;
};

/** Which bits to clear: nobody has set any, pages are not marked when they are used. */
export const clearRefs = (_s: Subject, _writer: Task, text: string): number =>
  /^\s*[1-5]\s*$/.test(text) ? 0 : -EINVAL;
