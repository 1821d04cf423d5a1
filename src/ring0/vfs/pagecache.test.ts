import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENXIO } from '../../abi/errno.ts';
import { createFrames } from '../../ring3/mmu/frames.ts';
import { type PageSource, Pages } from './pagecache.ts';

const LIMIT = 5 * 4096;

const sourceOf = (bytes: Uint8Array): PageSource => ({
  read: (buf, at, n, pos) => {
    const part = bytes.subarray(pos, pos + n);
    buf.set(part, at);
    return part.length;
  },
});

const numbered = (n: number): Uint8Array =>
  Uint8Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

const contents = (p: Pages): Uint8Array => {
  const out = new Uint8Array(p.size());
  expect(p.read(out, 0, out.length, 0)).toBe(out.length);
  return out;
};

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe('page cache', () => {
  it('behaves as an array of bytes under any sequence of changes', () => {
    const pos = fc.nat(LIMIT);
    const step = fc.oneof(
      fc.record({
        op: fc.constant('write' as const),
        pos,
        n: fc.integer({ min: 1, max: 9000 }),
        b: fc.nat(255),
      }),
      fc.record({ op: fc.constant('truncate' as const), pos }),
      fc.record({ op: fc.constant('punch' as const), pos, n: fc.integer({ min: 1, max: 9000 }) }),
      fc.record({ op: fc.constant('read' as const), pos, n: fc.nat(9000) }),
      fc.record({ op: fc.constant('frame' as const), pos }),
    );
    const frames = createFrames(1024 * 1024);
    const run = (
      sourced: number,
      steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
    ) => {
      const before = frames.free;
      const p = new Pages(frames);
      let model = numbered(sourced);
      if (sourced > 0) p.setSource(sourceOf(numbered(sourced)), sourced);
      for (const s of steps) {
        if (s.op === 'write') {
          const bytes = new Uint8Array(s.n).fill(s.b);
          expect(p.write(bytes, 0, s.n, s.pos)).toBe(s.n);
          const next = new Uint8Array(Math.max(model.length, s.pos + s.n));
          next.set(model);
          next.set(bytes, s.pos);
          model = next;
        } else if (s.op === 'truncate') {
          expect(p.truncate(s.pos)).toBe(0);
          const next = new Uint8Array(s.pos);
          next.set(model.subarray(0, s.pos));
          model = next;
        } else if (s.op === 'punch') {
          expect(p.punchBytes(s.pos, s.pos + s.n)).toBe(0);
          model.fill(0, s.pos, s.pos + s.n);
        } else if (s.op === 'read') {
          const out = new Uint8Array(s.n);
          const r = p.read(out, 0, s.n, s.pos);
          expect(same(out.subarray(0, r), model.slice(s.pos, s.pos + s.n))).toBe(true);
        } else {
          const f = p.frame(s.pos >> 12, false);
          if ((s.pos >> 12) * 4096 >= model.length) expect(f).toBe(-ENXIO);
          else {
            const start = (s.pos >> 12) * 4096;
            const want = model.slice(start, start + 4096);
            expect(same(frames.u8.slice(f * 4096, f * 4096 + want.length), want)).toBe(true);
          }
        }
        expect(p.size()).toBe(model.length);
      }
      expect(same(contents(p), model)).toBe(true);
      p.free();
      expect(frames.free).toBe(before);
    };
    fc.assert(fc.property(fc.constantFrom(0, 5000, 12288, 17000), fc.array(step, { maxLength: 12 }), run), {
      numRuns: 300,
      seed: 7,
    });
  });

  it('finds data and holes', () => {
    const p = new Pages(createFrames(1024 * 1024));
    p.truncate(100000);
    p.write(new Uint8Array(10), 0, 10, 40960);
    expect(p.seekData(0, false)).toBe(40960);
    expect(p.seekData(40965, false)).toBe(40965);
    expect(p.seekData(40965, true)).toBe(45056);
    expect(p.seekData(50000, false)).toBe(-ENXIO);
    expect(p.seekData(0, true)).toBe(0);
    expect(p.seekData(100000, true)).toBe(-ENXIO);
    expect(p.allocated).toBe(4096);
  });

  it('frees what was set aside beyond the end when a hole is punched there', () => {
    const p = new Pages(createFrames(1024 * 1024));
    p.truncate(4096);
    p.allocate(0, 20000);
    expect(p.allocated).toBe(5 * 4096);
    p.punchBytes(8192, 16384);
    expect(p.allocated).toBe(3 * 4096);
    p.punchBytes(0, 20480);
    expect(p.allocated).toBe(0);
  });

  it('gives back clean pages of a source when memory is short, and reads them again', () => {
    const frames = createFrames(1024 * 1024);
    const p = new Pages(frames);
    p.setSource(sourceOf(numbered(40000)), 40000);
    contents(p);
    p.write(new Uint8Array(3).fill(9), 0, 3, 5000);
    expect(p.reclaim()).toBe(9);
    const want = numbered(40000);
    want.fill(9, 5000, 5003);
    expect(same(contents(p), want)).toBe(true);
  });

  it('unmaps what a truncation takes away', () => {
    const p = new Pages(createFrames(1024 * 1024));
    const told: number[][] = [];
    const mapper = { dropPages: (_: unknown, from: number, to: number) => void told.push([from, to]) };
    p.write(new Uint8Array(20000), 0, 20000, 0);
    p.attach(mapper);
    p.truncate(5000);
    p.detach(mapper);
    p.truncate(0);
    expect(told).toEqual([[2, Number.POSITIVE_INFINITY]]);
  });
});
