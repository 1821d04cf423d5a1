import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeptBatch, MadeBatch } from '../ring3/translate/kept.ts';
import { openCodeStore } from './code-store.ts';

/** (module (func (export "0") (param i32) (result i32) (i32.add (local.get 0) (i32.const n)))) */
const adding = (n: number): Uint8Array =>
  Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0],
    ...[7, 5, 1, 1, 0x30, 0, 0, 10, 9, 1, 7, 0, 0x20, 0, 0x41, n, 0x6a, 0x0b],
  );
const made = (ip: number, n: number): MadeBatch => {
  const wasm = adding(n);
  const module = new WebAssembly.Module(wasm as BufferSource);
  const f = new WebAssembly.Instance(module).exports['0'] as WebAssembly.ExportValue;
  return {
    exactFp: false,
    regions: [{ ip, pages: [Math.floor(ip / 4096)], frontier: [ip + 9] }],
    code: [
      { ip, bytes: Uint8Array.of(1, 2, 3) },
      { ip: ip + 100, bytes: Uint8Array.of(4) },
    ],
    module,
    wasm,
    functions: [f],
  };
};
const call = (module: WebAssembly.Module | null, x: number): unknown =>
  module && (new WebAssembly.Instance(module).exports['0'] as (x: number) => number)(x);

describe('the code store', () => {
  let top = '';
  let dir = '';
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'kanmon-store-'));
    dir = join(top, `code-${'0'.repeat(24)}-test`);
  });
  afterEach(() => rmSync(top, { recursive: true }));
  const keep = (program: string, ...batches: MadeBatch[]): void => {
    const store = openCodeStore(dir);
    for (const b of batches) store.made(program, b);
    store.save();
  };
  /** What was kept of a program, by where its regions start. */
  const fetch = (program: string, store = openCodeStore(dir)): KeptBatch[] => {
    const index = store.fetch(program);
    return [...index.starts()].flatMap((ip) => index.find(ip, false, () => true) ?? []);
  };
  const file = (): string => join(dir, readdirSync(dir)[0] as string);

  test('gives back what was made for a program', () => {
    keep('p', made(0x1000, 1), made(0x2000, 2));
    const [first, second] = fetch('p');
    expect(first?.regions).toEqual([{ ip: 0x1000, pages: [1], frontier: [0x1009] }]);
    expect(first?.code()).toEqual([
      { ip: 0x1000, bytes: Uint8Array.of(1, 2, 3) },
      { ip: 0x1064, bytes: Uint8Array.of(4) },
    ]);
    expect([call(first?.module() ?? null, 5), call(second?.module() ?? null, 5)]).toEqual([6, 7]);
    expect(fetch('q')).toEqual([]);
  });

  test('adds what is new, and replaces what is made again', () => {
    keep('p', made(0x1000, 1), made(0x2000, 2));
    keep('p', made(0x1000, 3), made(0x3000, 4));
    expect(fetch('p').map((b) => [b.regions[0]?.ip, call(b.module(), 0)])).toEqual([
      [0x2000, 2],
      [0x1000, 3],
      [0x3000, 4],
    ]);
  });

  test('keeps programs apart whose names end alike', () => {
    const tail = 'x'.repeat(300);
    keep(`a${tail}`, made(0x1000, 1));
    expect(fetch(`b${tail}`)).toEqual([]);
  });

  test('does not read what others may have written', () => {
    keep('p', made(0x1000, 1));
    chmodSync(file(), 0o620);
    expect(fetch('p')).toEqual([]);
    chmodSync(file(), 0o600);
    expect(fetch('p')).toHaveLength(1);
    chmodSync(dir, 0o777);
    expect(fetch('p')).toEqual([]);
  });

  test('of a file that was cut, or is another, nothing is taken', () => {
    keep('p', made(0x1000, 1));
    const bytes = readFileSync(file());
    for (let n = 0; n < bytes.length; n += 7) {
      writeFileSync(file(), bytes.subarray(0, n));
      expect(fetch('p').filter((b) => b.module() !== null)).toEqual([]);
    }
    writeFileSync(file(), Buffer.concat([Buffer.from('x'), bytes]));
    expect(fetch('p')).toEqual([]);
  });

  test('of an index with a byte changed nothing is read', () => {
    keep('p', made(0x1000, 1));
    const bytes = readFileSync(file());
    const end = bytes.indexOf(Buffer.of(1, 2, 3, 4));
    for (let n = 0; n < end; n += 3) {
      const damaged = Buffer.from(bytes);
      damaged[n] = (bytes[n] as number) ^ 4;
      writeFileSync(file(), damaged);
      expect(fetch('p')).toEqual([]);
    }
  });

  test('has nothing to give of a file that was cut while it was open', () => {
    keep('p', made(0x1000, 1));
    const [batch] = fetch('p');
    truncateSync(file(), 30);
    expect([batch?.code(), batch?.module()]).toEqual([null, null]);
  });

  test('saves what can be saved when a file was cut while it was open', () => {
    keep('p', made(0x1000, 1), made(0x2000, 2));
    const store = openCodeStore(dir);
    for (const b of fetch('p', store)) store.used(b, []);
    store.made('p', made(0x3000, 3));
    truncateSync(file(), 30);
    store.save();
    expect(fetch('p').map((b) => call(b.module(), 0))).toEqual([3]);
  });

  test('writes nothing where it would not read', () => {
    mkdirSync(dir, { mode: 0o700 });
    chmodSync(dir, 0o770);
    keep('p', made(0x1000, 1));
    expect(readdirSync(dir)).toEqual([]);
    rmdirSync(dir);
    mkdirSync(join(top, 'other'), { mode: 0o700 });
    symlinkSync('other', dir);
    keep('p', made(0x1000, 1));
    expect(readdirSync(dir)).toEqual([]);
  });

  test('deletes what was left by runs that were killed while they wrote', () => {
    keep('p', made(0x1000, 1));
    const [name] = readdirSync(dir) as [string];
    for (const draft of ['1-a', '2-b']) writeFileSync(`${join(dir, name)}.${draft}.draft`, '');
    utimesSync(`${join(dir, name)}.1-a.draft`, 1, 1);
    keep('p', made(0x1000, 2));
    expect(readdirSync(dir)).toEqual([name, `${name}.2-b.draft`]);
  });

  test('a module with a byte changed is not compiled', () => {
    keep('p', made(0x1000, 1));
    const bytes = readFileSync(file());
    const at = bytes.lastIndexOf(0x6a);
    bytes[at] = 0x6b;
    writeFileSync(file(), bytes);
    expect(fetch('p').map((b) => b.module())).toEqual([null]);
  });
});
