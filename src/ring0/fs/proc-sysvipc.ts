// /proc/sysvipc: the System V objects of the machine as ipc/sem.c, msg.c and shm.c of the kernel print them.

import { messagesOf } from '../ipc/messages.ts';
import { type IpcObject, live } from '../ipc/objects.ts';
import { semaphoresOf } from '../ipc/semaphores.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE } from '../mm/layout.ts';
import { segmentsOf } from '../mm/sysv.ts';

/** A number right-aligned in so many columns. */
const n = (v: number, width: number): string => String(v).padStart(width);
const start = (s: IpcObject): string => `${n(s.key, 10)} ${n(s.id, 10)}  ${s.mode.toString(8).padStart(4)}`;
const ids = (s: IpcObject): string => [s.uid, s.gid, s.cuid, s.cgid].map((v) => n(v, 5)).join(' ');

export const sysvSemaphores = (kernel: Kernel): string =>
  `       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n${live(
    semaphoresOf(kernel),
  )
    .map((s) => `${start(s)} ${n(s.values.length, 10)} ${ids(s)} ${n(s.otime, 10)} ${n(s.ctime, 10)}\n`)
    .join('')}`;

export const sysvMessages = (kernel: Kernel): string =>
  `       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n${live(
    messagesOf(kernel),
  )
    .map(
      (q) =>
        `${start(q)}  ${n(q.bytes, 10)} ${n(q.messages.length, 10)} ${n(q.lspid, 5)} ${n(q.lrpid, 5)} ${ids(q)} ` +
        `${n(q.stime, 10)} ${n(q.rtime, 10)} ${n(q.ctime, 10)}\n`,
    )
    .join('')}`;

export const sysvMemory = (kernel: Kernel): string =>
  `       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n${segmentsOf(
    kernel,
  )
    .slots.filter((s) => s !== undefined)
    .map(
      (s) =>
        `${start(s)} ${n(s.size, 21)} ${n(s.cpid, 5)} ${n(s.lpid, 5)}  ${n(s.pages.mappings(), 5)} ${ids(s)} ` +
        `${n(s.atime, 10)} ${n(s.dtime, 10)} ${n(s.ctime, 10)} ${n(s.pages.resident() * PAGE, 21)} ${n(0, 21)}\n`,
    )
    .join('')}`;
