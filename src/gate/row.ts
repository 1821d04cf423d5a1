// One declaration per system call. A row says name, typed and directed arguments, what it returns and how far
// it is supported; dispatch, traces, policy and documents are all derived from it (docs/architecture.md).

import type { Task } from '../ring0/task/types.ts';
import type { Result } from '../ring0/wait.ts';
import type { Codec } from './codec.ts';

/** strace's classes (-e trace=%file), by which policies and traces select. */
export type Family =
  | 'file'
  | 'desc'
  | 'process'
  | 'memory'
  | 'signal'
  | 'ipc'
  | 'network'
  | 'time'
  | 'creds'
  | 'system';

export type Support =
  /** All of it. */
  | 'full'
  /** Works, with gaps that the note names. */
  | 'partial'
  /** Answers without doing (and the note says why that is enough). */
  | 'stub'
  /** ENOSYS, or the errno that a kernel built without it gives. */
  | 'absent';

/** How strace prints the result. */
export type Returns = 'int' | 'fd' | 'size' | 'addr' | 'pid' | 'hex' | 'octal' | 'none';

export interface RowMeta {
  readonly returns: Returns;
  /** First is the main one; a call may be of several classes. */
  readonly family: Family | readonly Family[];
  /** Default: full. */
  readonly support?: Support;
  /** Required unless full. */
  readonly note?: string;
  /**
   * The error that the call gives before it copies its paths and structs in, or 0. Asked only when one of those cannot
   * be read: the handler checks the same by itself. Takes all arguments, with 0 for those that are copied in.
   */
  readonly before?: (...args: number[]) => number;
}

type Values<P extends readonly Codec<unknown>[]> = {
  -readonly [K in keyof P]: P[K] extends Codec<infer T> ? T : never;
};

/** A declared call. `handler` takes the decoded arguments in order. */
export interface Row {
  readonly name: string;
  readonly params: readonly Codec<unknown>[];
  readonly meta: RowMeta;
  readonly handler: (task: Task, ...args: never[]) => Result;
}

export const supportOf = (row: Row): Support => row.meta.support ?? 'full';

/** The call as it is written; of one without a handler nobody has said what it takes. */
export const signature = (row: Row): string =>
  row.params.length === 0 && supportOf(row) === 'absent'
    ? row.name
    : `${row.name}(${row.params.map((p) => p.name).join(', ')})`;

/**
 * Declares a system call.
 *
 *     export const close = syscall('close', [fd('fd')], { returns: 'int', family: 'desc' }, (task, fd) => ...);
 */
export const syscall = <const P extends readonly Codec<unknown>[]>(
  name: string,
  params: P,
  meta: RowMeta,
  handler: (task: Task, ...args: Values<P>) => Result,
): Row => ({ name, params, meta, handler: handler as Row['handler'] });
