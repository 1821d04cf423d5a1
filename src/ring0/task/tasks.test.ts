// Tasks, signals and waiting on a kernel without a processor. What Linux does is checked by test/guest on real
// programs; here are the rules that a program cannot see, and those that need a clock that stands still.

import { describe, expect, it } from 'vitest';
import { CLONE } from '../../abi/clone.ts';
import { EAGAIN, EINTR, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { SIG, SIG_IGN } from '../../abi/signal.ts';
import { block, waitQueue, wake } from '../wait.ts';
import { exitGroup, exitTask } from './exit.ts';
import { type Fixture, fixture, type Step } from './fixture.ts';
import { PID_MAX } from './fork.ts';
import { addWaiter, futexKey, waitersOf, wakeFutex } from './futex.ts';
import { nextWake } from './scheduler.ts';
import { forceSignal, kernelInfo, kill, orphanedGroup, signalProcess, userInfo } from './signals.ts';
import { setOf } from './sigset.ts';
import type { Task } from './types.ts';

const spin: Step = () => 'spin';
const sleepOn =
  (q = waitQueue(), rule: 'restart' | 'eintr' | 'uninterruptible' = 'eintr'): Step =>
  () =>
    block([q], rule);
const THREAD = (CLONE.CLONE_VM | CLONE.CLONE_SIGHAND | CLONE.CLONE_THREAD) >>> 0;
const send = (task: Task, signo: number): number => signalProcess(task.process, kernelInfo(signo));
const handle = (f: Fixture, task: Task, signo: number, handler: number): void => {
  task.sighand.actions[signo] = { handler, flags: 0, restorer: 0, mask: { lo: 0, hi: 0 } };
  expect(f.kernel.tasks.has(task.tid)).toBe(true);
};

describe('a bug', () => {
  const broken = (): never => {
    throw new Error('bug');
  };

  it('in a call ends its process, and so does one that its end meets again', () => {
    const f = fixture();
    let released = 0;
    f.kernel.hooks.releaseFiles = () => void released++;
    const ends: number[] = [];
    // What a handler that returns no result does to the scheduler, and then to whoever takes the task off its queues.
    const t = f.spawn(() => ({ blocked: true }) as never);
    t.process.onExit = (status) => ends.push(status);
    expect(f.run()).toBe('done');
    expect(ends).toEqual([SIG.SIGSYS]);
    expect([released, f.kernel.tasks.size, f.kernel.processes.size]).toEqual([1, 0, 0]);
  });

  it.each([
    'exitTask',
    'releaseFiles',
    'releaseFs',
    'hangup',
  ] as const)('in the hook %s does not hide the end of a process from its parent', (hook) => {
    const f = fixture();
    const parent = f.spawn(sleepOn());
    const child = f.clone(parent, {}, () => broken());
    const ends: number[] = [];
    child.process.onExit = (status) => ends.push(status);
    child.process.sid = child.process.pid;
    f.kernel.hooks[hook] = broken;
    f.run();
    expect(child.process.state).toBe('zombie');
    expect(child.process.exitStatus).toBe(SIG.SIGSYS);
    expect(ends).toEqual([SIG.SIGSYS]);
    expect([...f.kernel.tasks.values()]).toEqual([parent, child]);
  });
});

describe('waiting', () => {
  it('tries the call again when the queue is woken, and hands over its state', () => {
    const f = fixture();
    const q = waitQueue();
    const seen: unknown[] = [];
    const t = f.spawn((task) => {
      seen.push(task.resume);
      return seen.length < 3 ? block([q], 'restart', null, seen.length) : 7;
    }, sleepOn());
    f.run();
    wake(q);
    f.run();
    wake(q);
    f.run();
    expect(seen).toEqual([undefined, 1, 2]);
    expect(f.results(t)).toEqual([7]);
  });

  it('takes a task off all its queues when one of them wakes it', () => {
    const f = fixture();
    const [a, b] = [waitQueue(), waitQueue()];
    f.spawn((task) => (task.resume === undefined ? block([a, b], 'restart') : 0), sleepOn());
    f.run();
    expect([a.waiters.size, b.waiters.size]).toEqual([1, 1]);
    wake(a);
    expect(b.waiters.size).toBe(0);
  });

  it('tries the call again at the deadline', () => {
    const f = fixture();
    const t = f.spawn((task) => (task.resume === undefined ? block([], 'eintr', 5000, 1) : 42), sleepOn());
    expect(f.run()).toBe('idle');
    expect(nextWake(f.kernel)).toBe(5000);
    f.tick(3000);
    f.run();
    expect(f.results(t)).toEqual([]);
    f.tick(2000);
    f.run();
    expect(f.results(t)).toEqual([42]);
  });

  it('wakes only as many as asked, in order of arrival', () => {
    const woken: number[] = [];
    const q = waitQueue();
    for (let i = 0; i < 3; i++) q.waiters.add({ wake: () => woken.push(i) });
    expect(wake(q, 2)).toBe(2);
    expect(woken).toEqual([0, 1]);
    expect(q.waiters.size).toBe(1);
  });

  it('keeps the order of thousands, and wakes those that come back only the next time', () => {
    const woken: number[] = [];
    const q = waitQueue();
    const waiters = Array.from({ length: 3000 }, (_, i) => {
      const w = {
        wake: () => {
          woken.push(i);
          q.waiters.add(w);
        },
      };
      return w;
    });
    for (const w of waiters) q.waiters.add(w);
    q.waiters.delete(waiters[7] as (typeof waiters)[0]);
    expect(wake(q, 10)).toBe(10);
    expect(woken).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 9, 10]);
    expect(wake(q)).toBe(2999);
    expect(woken.slice(10)).toEqual([...waiters.keys()].slice(11).concat([0, 1, 2, 3, 4, 5, 6, 8, 9, 10]));
    for (const w of waiters) q.waiters.delete(w);
    expect(q.waiters.size).toBe(0);
  });

  it('wakes each waiter once even if waking adds it again', () => {
    const q = waitQueue();
    let times = 0;
    const w = {
      wake: () => {
        times++;
        q.waiters.add(w);
      },
    };
    q.waiters.add(w);
    wake(q);
    expect(times).toBe(1);
  });
});

describe('the scheduler', () => {
  it('gives every runnable task its turn', () => {
    const f = fixture();
    const turns: number[] = [];
    const step =
      (n: number): Step =>
      () => {
        turns.push(n);
        return 'spin';
      };
    f.spawn(step(1));
    f.spawn(step(2));
    f.spawn(step(3));
    f.run(6);
    expect(turns).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it('is done when the last process has ended', () => {
    const f = fixture();
    f.spawn((t) => {
      exitGroup(t, 0);
      return 0;
    });
    expect(f.run()).toBe('done');
    expect(f.kernel.processes.size).toBe(0);
    expect(f.kernel.tasks.size).toBe(0);
  });

  it('counts the time on the CPU', () => {
    const f = fixture();
    const t = f.spawn(() => {
      f.tick(100);
      return 'spin';
    });
    f.run(3);
    expect(t.userNs).toBe(300);
  });

  it('gives code with slow blocks a smaller budget, and takes it back', () => {
    const f = fixture();
    let slow = 10e6;
    const t = f.spawn(() => {
      f.tick(slow);
      return 'spin';
    });
    f.run(5);
    const small = t.budget;
    expect(small).toBeLessThan(10000);
    slow = 1e3;
    f.run(10);
    expect(t.budget).toBeGreaterThan(small);
  });
});

describe('signals', () => {
  it('end a process that has no handler, waiting or not', () => {
    for (const step of [spin, sleepOn()]) {
      const f = fixture();
      const t = f.spawn(step);
      f.run(2);
      send(t, SIG.SIGTERM);
      f.run(2);
      expect(t.state).toBe('dead');
      expect(t.process.exitStatus).toBe(SIG.SIGTERM);
    }
  });

  it('are dropped when they are ignored, kept when they are blocked', () => {
    const f = fixture();
    const t = f.spawn(spin);
    handle(f, t, SIG.SIGTERM, SIG_IGN);
    send(t, SIG.SIGTERM);
    expect(t.process.sharedPending).toHaveLength(0);
    t.sigmask = setOf(SIG.SIGTERM);
    send(t, SIG.SIGTERM);
    expect(t.process.sharedPending).toHaveLength(1);
  });

  it('queue up to the limit, then fail for senders of values', () => {
    const f = fixture();
    const t = f.spawn(spin);
    t.sigmask = setOf(40);
    const limit = t.process.rlimits[11];
    if (limit) limit.soft = 3;
    const queued = (): number => signalProcess(t.process, { signo: 40, errno: 0, code: -1, value: 1n });
    expect([queued(), queued(), queued(), queued()]).toEqual([0, 0, 0, -EAGAIN]);
  });

  it('cannot be evaded when they are forced', () => {
    const f = fixture();
    const t = f.spawn(spin);
    handle(f, t, SIG.SIGSEGV, SIG_IGN);
    t.sigmask = setOf(SIG.SIGSEGV);
    forceSignal(t, { signo: SIG.SIGSEGV, errno: 0, code: 1, addr: 0 });
    f.run(1);
    expect(t.process.exitStatus).toBe(SIG.SIGSEGV);
  });

  it('do not interrupt what cannot be interrupted, but SIGKILL ends it', () => {
    const f = fixture();
    const t = f.spawn(sleepOn(waitQueue(), 'uninterruptible'));
    f.run();
    send(t, SIG.SIGTERM);
    f.run();
    expect(t.state).toBe('blocked');
    send(t, SIG.SIGKILL);
    f.run();
    expect(t.process.exitStatus).toBe(SIG.SIGKILL);
  });

  it('lose against what the call waits for', () => {
    const f = fixture();
    const q = waitQueue();
    let ready = false;
    const t = f.spawn(() => (ready ? 11 : block([q], 'eintr')), sleepOn());
    f.run();
    ready = true;
    send(t, SIG.SIGTERM);
    f.run();
    expect(f.results(t)[0]).toBe(11);
  });

  it('show an interrupted call with the code of its rule', () => {
    const f = fixture();
    const t = f.spawn(sleepOn());
    f.run();
    handle(f, t, SIG.SIGUSR1, 0x4000);
    // No restorer: the frame cannot be made, which comes after the call has been ended.
    send(t, SIG.SIGUSR1);
    f.run();
    expect(f.results(t)).toEqual([-EINTR]);
    expect(t.process.exitStatus).toBe(SIG.SIGSEGV);
  });

  it('stop all threads, and a stopped call is tried again after SIGCONT', () => {
    const f = fixture();
    let tries = 0;
    const t = f.spawn(() => {
      tries++;
      return block([], 'restart');
    });
    const u = f.clone(t, { flags: THREAD, exitSignal: 0 }, spin);
    f.run(4);
    send(t, SIG.SIGSTOP);
    f.run(4);
    expect([t.state, u.state, t.process.state]).toEqual(['stopped', 'stopped', 'stopped']);
    const before = tries;
    send(t, SIG.SIGCONT);
    f.run(4);
    expect(t.state).toBe('blocked');
    expect(u.state).toBe('runnable');
    expect(tries).toBe(before + 1);
  });

  it('are allowed by user id', () => {
    const f = fixture();
    const a = f.spawn(spin);
    const b = f.spawn(spin);
    a.cred = { ...a.cred, uid: 5, euid: 5, capEffective: 0 };
    expect(kill(a, b.tid, userInfo(a, 0))).toBe(-EPERM);
    b.cred = { ...b.cred, suid: 5 };
    expect(kill(a, b.tid, userInfo(a, 0))).toBe(0);
    expect(kill(a, 999, userInfo(a, 0))).toBe(-ESRCH);
    expect(kill(a, b.tid, userInfo(a, 65))).toBe(-EINVAL);
  });
});

describe('processes', () => {
  it('that the machine started take their descendants with them', () => {
    const f = fixture();
    const root = f.spawn(spin);
    const child = f.clone(root, {}, spin);
    const grandchild = f.clone(child, {}, sleepOn());
    const other = f.spawn(spin);
    f.run(4);
    exitGroup(child, 0);
    expect(grandchild.process.parent).toBeNull();
    exitGroup(root, 0);
    f.run(4);
    expect(grandchild.state).toBe('dead');
    expect(other.state).toBe('runnable');
  });

  it('are zombies until their parent waits, which an ignored SIGCHLD does not replace', () => {
    const f = fixture();
    const root = f.spawn((t) => (t.process.children.size > 0 ? block([t.process.childWait], 'restart') : 0));
    const child = f.clone(root, {}, (t) => {
      exitGroup(t, 3 << 8);
      return 0;
    });
    f.run(3);
    expect(child.process.state).toBe('zombie');
    expect(f.kernel.processes.has(child.tid)).toBe(true);
    expect(root.process.sharedPending.has(SIG.SIGCHLD)).toBe(false);
    expect(child.process.exitStatus >> 8).toBe(3);
  });

  it('have the status of their last thread unless somebody ended them as a whole', () => {
    const f = fixture();
    const root = f.spawn(spin);
    const second = f.clone(root, { flags: THREAD, exitSignal: 0 }, spin);
    let status = -1;
    root.process.onExit = (s) => {
      status = s;
    };
    exitTask(root, 5 << 8);
    expect(status).toBe(-1);
    exitTask(second, 6 << 8);
    expect(status).toBe(6 << 8);
  });

  it('have a group that is orphaned when nobody outside it could continue it', () => {
    const f = fixture();
    const shell = f.spawn(spin);
    const job = f.clone(shell, {}, spin);
    job.process.pgid = job.tid;
    expect(orphanedGroup(f.kernel, job.tid)).toBe(false);
    expect(orphanedGroup(f.kernel, shell.tid)).toBe(false);
    expect(orphanedGroup(f.kernel, shell.tid, true)).toBe(true);
    job.process.sid = job.tid;
    expect(orphanedGroup(f.kernel, job.tid)).toBe(true);
  });

  it('get ids that nobody has, starting over above 300', () => {
    const f = fixture();
    const a = f.spawn(spin);
    expect(a.tid).toBe(1);
    f.kernel.run.lastPid = PID_MAX - 2;
    expect(f.spawn(spin).tid).toBe(PID_MAX - 1);
    expect(f.spawn(spin).tid).toBe(300);
    a.process.pgid = 301;
    expect(f.spawn(spin).tid).toBe(302);
  });

  it('run out at the limit of the machine', () => {
    const f = fixture();
    const a = f.spawn(spin);
    Object.assign(f.kernel.limits, { tasks: 2 });
    f.clone(a, {}, spin);
    expect(() => f.clone(a, {}, spin)).toThrow(`${-EAGAIN}`);
  });
});

describe('futexes', () => {
  it('forget waiters whose call was interrupted', () => {
    const f = fixture();
    const t = f.spawn((task) => {
      const w = addWaiter(task, futexKey(task, 0x2000, true), { bitset: -1, deadline: null });
      return block([w.queue], 'eintr', null, w);
    }, spin);
    f.run(2);
    const key = futexKey(t, 0x2000, true);
    expect(waitersOf(key)).toHaveLength(1);
    f.kernel.gate.abandon(t, -EINTR);
    expect(waitersOf(key)).toHaveLength(0);
    expect(wakeFutex(key, 1, -1)).toBe(0);
  });

  it('of a dying thread are marked and one waiter is woken', () => {
    const f = fixture();
    const t = f.spawn(spin);
    const head = 0x3000;
    const lock = 0x3100;
    const u = f.clone(t, { flags: THREAD, exitSignal: 0 }, spin);
    // list -> the lock's node, 16 bytes behind its word; the node -> list.
    u.mm.writeI64(head, lock + 16);
    u.mm.writeI64(head + 8, -16);
    u.mm.writeI64(head + 16, 0);
    u.mm.writeI64(lock + 16, head);
    u.mm.writeU32(lock, u.tid);
    u.robustList = head;
    exitTask(u, 0);
    expect(t.mm.readU32(lock)).toBe(0x40000000);
  });
});
