// The library as its callers meet it: streams that end, and one clear line for what it cannot take.

import { afterAll, describe, expect, test } from 'vitest';
import type { boot, Machine } from '../../src/index.ts';

const { boot: bootMachine }: { boot: typeof boot } = await import('../../dist/index.js' as string);

const machine: Machine = await bootMachine();
afterAll(() => machine.close());

const text = async (from: ReadableStream<Uint8Array>): Promise<string> => {
  let all = '';
  for await (const chunk of from) all += Buffer.from(chunk).toString();
  return all;
};

describe('the streams of a program', () => {
  const both = ['sh', '-c', 'echo out; echo err >&2; exit 3'];

  test('one ends while nobody reads the other', async () => {
    const a = await machine.spawn(both);
    expect(await text(a.stdout)).toBe('out\n');
    expect(await a.wait()).toEqual({ exitCode: 3, signal: null });
    const b = await machine.spawn(both);
    expect(await text(b.stderr)).toBe('err\n');
    expect(await text(b.stdout)).toBe('out\n');
  });

  test('the end of the program is told although nobody reads', async () => {
    const p = await machine.spawn(both);
    expect(await p.wait()).toEqual({ exitCode: 3, signal: null });
    expect([await text(p.stdout), await text(p.stderr)]).toEqual(['out\n', 'err\n']);
  });

  test('a stream ends when its last writer closes it, before the program does', async () => {
    const p = await machine.spawn(['sh', '-c', 'echo out; exec >&-; read x; echo "$x" >&2']);
    expect(await text(p.stdout)).toBe('out\n');
    const writer = p.stdin.getWriter();
    await writer.write(Buffer.from('go\n'));
    expect(await text(p.stderr)).toBe('go\n');
  });

  test('of a program on a terminal both end', async () => {
    const p = await machine.spawn(['echo', 'out'], { tty: { rows: 24, columns: 80 } });
    expect([await text(p.stdout), await text(p.stderr)]).toEqual(['out\r\n', '']);
  });
});
