// What is told of tasks besides their calls: signals, ends, forks, stops. For traces, and for whoever runs the machine.

import type { Process, SigInfo, Task } from './task/types.ts';

/** What a listener is told. */
export interface KernelListener {
  signal?(task: Task, info: SigInfo): void;
  exit?(task: Task, status: number, bySignal: number): void;
  fork?(parent: Task, child: Task): void;
  stop?(task: Task, signo: number): void;
  /** A signal that is not queued because the task ignores it; a debugger would see it all the same. */
  dropped?(task: Task, info: SigInfo): void;
  /** Memory is out, and this process is killed for it. */
  outOfMemory?(victim: Process): void;
  /** One of the others threw this; the listener has been taken away. */
  failed?(error: unknown): void;
}

type Event = Exclude<keyof KernelListener, 'failed'>;

/** Members are null while nobody listens, so that an event costs a comparison then. */
export type KernelEvents = { [K in Event]: NonNullable<KernelListener[K]> | null } & {
  /** The function returned takes the listener away. */
  listen(listener: KernelListener): () => void;
};

/** `bug` gets what listeners throw: it must not end the process that the event is of. */
export const kernelEvents = (bug: (where: string, error: unknown) => void): KernelEvents => {
  const listeners: KernelListener[] = [];
  const tell = (call: (l: KernelListener) => void): void => {
    for (const listener of [...listeners]) {
      try {
        call(listener);
      } catch (e) {
        remove(listener);
        bug('a listener', e);
        listener.failed?.(e);
      }
    }
  };
  const events: KernelEvents = {
    signal: null,
    exit: null,
    fork: null,
    stop: null,
    dropped: null,
    outOfMemory: null,
    listen: (listener) => {
      listeners.push(listener);
      connect();
      return () => remove(listener);
    },
  };
  const connect = (): void => {
    const heard = (name: Event): boolean => listeners.some((l) => l[name] !== undefined);
    events.signal = heard('signal') ? (task, info) => tell((l) => l.signal?.(task, info)) : null;
    events.exit = heard('exit') ? (task, status, by) => tell((l) => l.exit?.(task, status, by)) : null;
    events.fork = heard('fork') ? (parent, child) => tell((l) => l.fork?.(parent, child)) : null;
    events.stop = heard('stop') ? (task, signo) => tell((l) => l.stop?.(task, signo)) : null;
    events.dropped = heard('dropped') ? (task, info) => tell((l) => l.dropped?.(task, info)) : null;
    events.outOfMemory = heard('outOfMemory') ? (victim) => tell((l) => l.outOfMemory?.(victim)) : null;
  };
  const remove = (listener: KernelListener): void => {
    const at = listeners.indexOf(listener);
    if (at >= 0) listeners.splice(at, 1);
    connect();
  };
  return events;
};
