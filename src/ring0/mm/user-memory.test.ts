import { describe, expect, it } from 'vitest';
import { EFAULT, ENAMETOOLONG } from '../../abi/errno.ts';
import { anonymous, testMemory, testSpace } from './fixture.ts';
import { PAGE } from './layout.ts';

const AT = 0x10000000000;
const END = AT + 2 * PAGE;

const space = () => {
  const { state } = testMemory();
  const mm = testSpace(state);
  mm.map(AT, 2 * PAGE, anonymous(3), 'fixed');
  return mm;
};

describe('user memory', () => {
  it('reads and writes numbers within and across pages', () => {
    const mm = space();
    for (const at of [AT + 8, AT + PAGE - 1, AT + PAGE - 3, AT + PAGE - 7]) {
      mm.writeU16(at, 0xbeef);
      expect(mm.readU16(at)).toBe(0xbeef);
      mm.writeU32(at, 0xdeadbeef);
      expect([mm.readU32(at), mm.readI32(at)]).toEqual([0xdeadbeef, 0xdeadbeef | 0]);
      mm.writeI64(at, -2);
      expect([mm.readI64(at), mm.readBig(at)]).toEqual([-2, 0xfffffffffffffffen]);
      mm.writeI64(at, 2 ** 40 + 5);
      expect(mm.readU64(at)).toBe(2 ** 40 + 5);
      mm.writeBig(at, 0x123456789abcdef0n);
      expect(mm.readBig(at)).toBe(0x123456789abcdef0n);
    }
  });

  it('says how much could be copied before a bad page', () => {
    const mm = space();
    const bytes = new Uint8Array(100).fill(7);
    expect(mm.writeSome(END - 40, bytes, 0, 100)).toBe(40);
    expect(mm.write(END - 40, bytes)).toBe(false);
    expect(mm.readInto(END - 40, bytes, 0, 100)).toBe(40);
    expect(mm.read(END - 40, 41)).toBeNull();
    expect(mm.clear(END - 1, 2)).toBe(false);
  });

  it('takes any number for an address', () => {
    const mm = space();
    for (const at of [0, -1, 2 ** 47, 2 ** 63, 2 ** 64, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(mm.readU32(at)).toBeNull();
      expect(mm.writeU8(at, 1)).toBe(false);
      expect(mm.read(at, 8)).toBeNull();
      expect(mm.readString(at, 10)).toBe(-EFAULT);
      expect(mm.direct(at, 1, false)).toBe(-1);
    }
    expect(mm.read(AT, 2 ** 46)).toBeNull();
  });

  it('reads strings as bytes, up to a limit that counts the NUL', () => {
    const mm = space();
    const at = AT + PAGE - 3;
    mm.write(at, Uint8Array.of(0x61, 0xff, 0xc3, 0x62, 0));
    expect(mm.readString(at, 4096)).toBe('a\xff\xc3b');
    expect(mm.readString(at, 5)).toBe('a\xff\xc3b');
    expect(mm.readString(at, 4)).toBe(-ENAMETOOLONG);
    mm.write(END - 2, Uint8Array.of(1, 1));
    expect(mm.readString(END - 2, 10)).toBe(-EFAULT);
  });

  it('lends out what lies in one page', () => {
    const mm = space();
    const p = mm.direct(AT + 16, 100, true);
    mm.bytes()[p] = 5;
    expect(mm.readU8(AT + 16)).toBe(5);
    expect(mm.direct(AT + PAGE - 1, 2, false)).toBe(-1);
    mm.protect(AT, PAGE, 1);
    expect(mm.direct(AT, 1, true)).toBe(-1);
  });
});
