import { describe, expect, test } from 'vitest';
import { EFAULT, ENAMETOOLONG } from '../abi/errno.ts';
import { TIMESPEC } from '../abi/time.ts';
import * as c from './codec.ts';
import { fakeMachine } from './fake.ts';

const words = (low: number, high = 0): c.RawArgs => ({ words: Uint32Array.of(low, high) });
const { task, put, u8 } = fakeMachine();
const decode = (codec: c.Codec<unknown>, low: number, high = 0) => codec.decode(task, words(low, high), 0);

describe('scalars take what C would take of a register', () => {
  test.each<[string, c.Codec<number>, number, number, number]>([
    ['a descriptor is an int', c.fd('x'), 0xffffffff, 0, -1],
    ['its high half is ignored', c.fd('x'), 3, 0xdead, 3],
    ['AT_FDCWD', c.dirfd('x'), 0xffffff9c, 0xffffffff, -100],
    ['an unsigned int', c.uint('x'), 0xffffffff, 1, 0xffffffff],
    ['a uid', c.uid('x'), 0xffffffff, 0, 0xffffffff],
    ['a pid may be negative', c.pid('x'), 0xfffffffe, 0xffffffff, -2],
    ['a mode has 16 bits', c.mode('x'), 0x1_81a4, 0, 0o100644],
    ['size_t', c.size('x'), 0, 1, 4294967296],
    ['off_t is signed', c.off('x'), 0xffffffff, 0xffffffff, -1],
    ['an address', c.addr('x'), 0xf7ffd000, 0x7fff, 0x7ffff7ffd000],
    ['flags in 64 bits', c.flags64('x', { unknown: '', bits: {} }), 1, 2, 2 * 4294967296 + 1],
  ])('%s', (_claim, codec, low, high, value) => {
    expect(decode(codec, low, high)).toBe(value);
    expect(codec.fallible).toBe(false);
  });
});

describe('paths are copied in', () => {
  test('as byte strings', () => {
    u8.set([0x2f, 0xc3, 0xa9, 0xff, 0], 0x4000);
    expect(decode(c.path('p'), 0x4000)).toBe('/\xc3\xa9\xff');
  });
  test('NULL and bad addresses are EFAULT', () => {
    expect(decode(c.path('p'), 0)).toBe(-EFAULT);
    expect(decode(c.path('p'), 0, 0x7fff)).toBe(-EFAULT);
    expect(c.path('p').fallible).toBe(true);
  });
  test('PATH_MAX counts the NUL', () => {
    put(0x4000, 'a'.repeat(c.PATH_MAX - 1));
    expect(decode(c.path('p'), 0x4000)).toHaveLength(c.PATH_MAX - 1);
    put(0x4000, 'a'.repeat(c.PATH_MAX));
    expect(decode(c.path('p'), 0x4000)).toBe(-ENAMETOOLONG);
  });
  test('NULL is null where the call allows it', () => {
    expect(decode(c.pathOrNull('p'), 0)).toBeNull();
  });
});

describe('structs', () => {
  test('are copied in', () => {
    u8.set(TIMESPEC.encode({ sec: -1, nsec: 5 }), 0x4000);
    expect(decode(c.structIn('t', TIMESPEC), 0x4000)).toEqual({ sec: -1, nsec: 5 });
    expect(decode(c.structIn('t', TIMESPEC), 0)).toBe(-EFAULT);
    expect(decode(c.structInOrNull('t', TIMESPEC), 0)).toBeNull();
  });
  test('that go out stay addresses', () => {
    expect(decode(c.structOut('t', TIMESPEC), 0x4000)).toBe(0x4000);
    expect(c.structOut('t', TIMESPEC).direction).toBe('out');
  });
});
