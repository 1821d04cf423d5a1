// #! lines, as the kernel's fs/binfmt_script.c reads them: one line within the first 256 bytes, an interpreter
// and at most one argument, which keeps its inner blanks.

import { ENOEXEC } from '../../abi/errno.ts';

/** How much of a file decides what it is (BINPRM_BUF_SIZE). */
export const HEAD_BYTES = 256;

export interface ScriptLine {
  readonly interpreter: string;
  readonly argument: string | null;
}

const isBlank = (c: number | undefined): boolean => c === 0x20 || c === 0x09;

export const isScript = (head: Uint8Array): boolean => head[0] === 0x23 && head[1] === 0x21;

/** The interpreter line at the start of a file, or -ENOEXEC. */
export const parseScript = (head: Uint8Array): ScriptLine | number => {
  const n = Math.min(head.length, HEAD_BYTES);
  let end = head.indexOf(0x0a);
  if (end < 0 || end >= n) {
    // Without a newline in sight the interpreter's name must at least be whole: ended by a blank or a NUL.
    // The last byte that counts is the kernel's place for a NUL.
    end = Math.min(n, HEAD_BYTES - 1);
    if (n === HEAD_BYTES) {
      let at = 2;
      while (at < n && isBlank(head[at])) at++;
      if (at === n) return -ENOEXEC;
      while (at < n && !isBlank(head[at]) && head[at] !== 0) at++;
      if (at === n) return -ENOEXEC;
    }
  }
  let from = 2;
  const nul = head.indexOf(0, 2);
  if (nul >= 0 && nul < end) end = nul;
  while (end > from && isBlank(head[end - 1])) end--;
  while (from < end && isBlank(head[from])) from++;
  if (from === end) return -ENOEXEC;
  let stop = from;
  while (stop < end && !isBlank(head[stop])) stop++;
  const text = (a: number, b: number): string => String.fromCharCode(...head.subarray(a, b));
  const interpreter = text(from, stop);
  while (stop < end && isBlank(head[stop])) stop++;
  return { interpreter, argument: stop < end ? text(stop, end) : null };
};
