import { expect, test } from 'vitest';
import { AF, CMSGHDR, MSG, SCM, SOCK, SOL_SOCKET } from '../../../abi/socket.ts';
import { fakeKernel, fakeTask } from '../../testing.ts';
import { closeFd, installFile } from '../../vfs/fdtable.ts';
import { bufferSource } from '../bytes.ts';
import { familyAt } from '../families.ts';
import { socketFile } from '../sockfs.ts';
import { netOf } from '../state.ts';
import type { Socket } from '../types.ts';

const machine = () => {
  const kernel = fakeKernel();
  const task = fakeTask(kernel);
  const make = (): Socket => {
    const s = familyAt(AF.AF_UNIX)?.create(task, SOCK.SOCK_STREAM, 0);
    if (typeof s !== 'object') throw new Error(`${s}`);
    return s;
  };
  /** Two connected sockets and their descriptors. */
  const pair = () => {
    const [a, b] = [make(), make()];
    a.ops.pair?.(task, b);
    const fds = [a, b].map((s) => installFile(task, socketFile(task, s, 0), false));
    return { a, b, fds };
  };
  const give = (to: Socket, fds: readonly number[]) => {
    const header = CMSGHDR.encode({
      len: CMSGHDR.size + 4 * fds.length,
      level: SOL_SOCKET,
      type: SCM.SCM_RIGHTS,
    });
    const control = new Uint8Array([...header, ...new Uint8Array(new Int32Array(fds).buffer)]);
    const source = bufferSource(new Uint8Array([1]), 0, 1);
    return to.ops.send(task, { source, to: null, control, flags: MSG.MSG_DONTWAIT });
  };
  const close = (fds: readonly number[]) => {
    for (const fd of fds) closeFd(task, fd);
  };
  return { kernel, pair, give, close };
};

test('sockets that only lie in each other are collected, and what they cost is free again', () => {
  const { kernel, pair, give, close } = machine();
  const before = kernel.heap.used;
  for (let i = 0; i < 200; i++) {
    const [x, y] = [pair(), pair()];
    expect(give(x.a, y.fds)).toBe(1);
    expect(give(y.a, x.fds)).toBe(1);
    close([...x.fds, ...y.fds]);
  }
  for (let i = 0; i < 50; i++) close(pair().fds);
  const { unix } = netOf(kernel);
  expect(unix.sockets.size).toBe(0);
  expect([unix.inFlight.size, unix.socketsInFlight, unix.byUser.size]).toEqual([0, 0, 0]);
  expect(kernel.heap.used).toBe(before);
});

test('a socket in flight that somebody can still receive is not collected', () => {
  const { kernel, pair, give, close } = machine();
  const [x, y] = [pair(), pair()];
  // y lies in x, whose one end is open, and in itself.
  give(y.a, [y.fds[1] as number]);
  give(x.a, y.fds);
  close([...y.fds, x.fds[0] as number]);
  for (let i = 0; i < 50; i++) close(pair().fds);
  expect(netOf(kernel).unix.inFlight.size).toBe(2);
  close([x.fds[1] as number]);
  for (let i = 0; i < 50; i++) close(pair().fds);
  expect(netOf(kernel).unix.sockets.size).toBe(0);
});

test('a chain of sockets in each other ends without a deep stack', () => {
  const { kernel, pair, give, close } = machine();
  kernel.heap.used = -(2 ** 40);
  const first = pair();
  let [held] = first.fds.slice(1);
  for (let i = 0; i < 5_000; i++) {
    const next = pair();
    give(next.a, [held as number]);
    close([next.fds[0] as number, held as number]);
    held = next.fds[1];
  }
  close([held as number, first.fds[0] as number]);
  expect(netOf(kernel).unix.sockets.size).toBe(0);
});
