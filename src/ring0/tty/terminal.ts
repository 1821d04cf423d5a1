// A machine's own terminal: a pty whose master is held by the host instead of a program.

import { ENOMEM } from '../../abi/errno.ts';
import { O_RDWR } from '../../abi/fcntl.ts';
import type { Task } from '../task/types.ts';
import { installFile } from '../vfs/fdtable.ts';
import { holdFile } from '../vfs/file.ts';
import { isOpenFile } from '../vfs/open.ts';
import { type Waiter, wake } from '../wait.ts';
import { openTerminal } from './devpts.ts';
import { setWinSize } from './ioctl.ts';
import { closeMaster, createPty, slaveGone, typeBytes } from './pty.ts';
import { takeBytes, used } from './queue.ts';
import type { Tty } from './types.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The host's end. */
export interface Terminal {
  /** Types bytes; how many of n there was room for. */
  type(buf: Uint8Array, at: number, n: number): number;
  /** What has been put out since the last time; null once all programs have let go of the terminal. */
  take(): Uint8Array | null;
  resize(size: TerminalSize): void;
  /** Called once when there is output, or when there is room again. */
  onOutput(waiter: Waiter): void;
  onRoom(waiter: Waiter): void;
  /** No program has it open any more. */
  readonly gone: boolean;
  close(): void;
}

const winSize = ({ rows, columns }: TerminalSize): Tty['winsize'] => ({
  rows,
  columns,
  xpixel: 0,
  ypixel: 0,
});

/**
 * Gives a new process (the leader of its session) a terminal: its descriptors 0 to 2 and its controlling terminal.
 * -errno when there are no more terminals.
 */
export const giveTerminal = (task: Task, size: TerminalSize): Terminal | number => {
  const { kernel } = task;
  const tty = createPty(kernel, task.cred.uid);
  if (typeof tty === 'number') return tty;
  tty.locked = false;
  tty.winsize = winSize(size);
  const file = openTerminal(task, tty, O_RDWR);
  if (!isOpenFile(file)) {
    closeMaster(kernel, tty);
    return typeof file === 'number' ? file : -ENOMEM;
  }
  for (let fd = 0; fd < 3; fd++) installFile(task, fd === 0 ? file : holdFile(file), false);
  return {
    type: (buf, at, n) => typeBytes(kernel, tty, buf, at, n),
    take() {
      const n = used(tty.output);
      if (n === 0) return slaveGone(tty) ? null : new Uint8Array(0);
      const chunk = new Uint8Array(n);
      takeBytes(tty.output, chunk, 0, n);
      wake(tty.toWrite);
      return chunk;
    },
    resize: (next) => setWinSize(kernel, tty, winSize(next)),
    onOutput: (waiter) => void tty.masterRead.waiters.add(waiter),
    onRoom: (waiter) => void tty.masterWrite.waiters.add(waiter),
    get gone() {
      return slaveGone(tty);
    },
    close: () => closeMaster(kernel, tty),
  };
};
