// Expected values were read from ptys of Linux (Debian 12): what the master sees, what the program reads.

import { describe, expect, it } from 'vitest';
import { CC, IFLAG, LFLAG, OFLAG } from '../../abi/termios.ts';
import { bytesOf, testMachine } from '../exec/fixture.ts';
import type { OpenFile } from '../vfs/types.ts';
import { putOutput } from './output.ts';
import { newTty, typeBytes } from './pty.ts';
import { takeBytes, used } from './queue.ts';
import { readSlave } from './read.ts';
import type { Tty } from './types.ts';

const EAGAIN = -11;
const { kernel, task } = testMachine();
const file = { flags: 0o4000 } as OpenFile;

type Modes = Partial<Record<'iOn' | 'iOff' | 'oOn' | 'oOff' | 'lOn' | 'lOff', number>> & {
  cc?: Partial<Record<keyof typeof CC, number>>;
};

const terminal = (m: Modes = {}): Tty => {
  const tty = newTty(0);
  const t = tty.termios;
  t.iflag = (t.iflag | (m.iOn ?? 0)) & ~(m.iOff ?? 0);
  t.oflag = (t.oflag | (m.oOn ?? 0)) & ~(m.oOff ?? 0);
  t.lflag = (t.lflag | (m.lOn ?? 0)) & ~(m.lOff ?? 0);
  for (const [name, v] of Object.entries(m.cc ?? {})) t.cc[CC[name as keyof typeof CC]] = v;
  return tty;
};

const text = (b: Uint8Array): string => String.fromCharCode(...b);

const seen = (tty: Tty): string => {
  const out = new Uint8Array(used(tty.output));
  takeBytes(tty.output, out, 0, out.length);
  return text(out);
};

const type = (tty: Tty, s: string): string => {
  const b = bytesOf(s);
  typeBytes(kernel, tty, b, 0, b.length);
  return seen(tty);
};

/** All that a program can read, call by call. */
const reads = (tty: Tty): string[] => {
  const list: string[] = [];
  for (let i = 0; i < 8; i++) {
    const buf = new Uint8Array(4096);
    const r = readSlave(task, file, tty, buf, 0, buf.length);
    if (r === EAGAIN) break;
    list.push(text(buf.subarray(0, r as number)));
  }
  return list;
};

const BS = '\b \b';

describe('canonical mode', () => {
  const cases: [string, Modes, string, string, string[]][] = [
    ['a line', {}, 'hello\r', 'hello\r\n', ['hello\n']],
    ['no line yet', {}, 'hel', 'hel', []],
    ['VERASE', {}, 'abc\x7f\x7fX\n', `abc${BS}${BS}X\r\n`, ['aX\n']],
    ['VERASE with nothing to erase', {}, '\x7f\x7fa\n', 'a\r\n', ['a\n']],
    ['VKILL', {}, 'abc def\x15gh\n', `abc def${BS.repeat(7)}gh\r\n`, ['gh\n']],
    ['VKILL without ECHOKE', { lOff: LFLAG.ECHOKE }, 'abc\x15x\n', 'abc^U\r\nx\r\n', ['x\n']],
    [
      'VKILL without ECHOK and ECHOE',
      { lOff: LFLAG.ECHOE | LFLAG.ECHOK },
      'abc\x15x\n',
      'abc^Ux\r\n',
      ['x\n'],
    ],
    ['VERASE without ECHOE', { lOff: LFLAG.ECHOE }, 'abc\x7fx\n', 'abc^?x\r\n', ['abx\n']],
    ['ECHOPRT', { lOn: LFLAG.ECHOPRT }, 'abc\x7f\x7fx\n', 'abc\\cb/x\r\n', ['ax\n']],
    ['ECHOPRT and VKILL', { lOn: LFLAG.ECHOPRT }, 'abc\x15x\n', 'abc\\cba/x\r\n', ['x\n']],
    ['VWERASE', {}, 'foo bar  \x17x\n', `foo bar  ${BS.repeat(5)}x\r\n`, ['foo x\n']],
    ['VWERASE stops at punctuation', {}, 'foo-bar.\x17x\n', `foo-bar.${BS.repeat(4)}x\r\n`, ['foo-x\n']],
    ['erasing control characters', {}, 'a\x01\x02\x7f\x7f\x7fz\n', `a^A^B${BS.repeat(5)}z\r\n`, ['z\n']],
    ['erasing a tab', {}, 'ab\tc\x7f\x7fX\n', `ab\tc${BS}\b\b\b\b\b\bX\r\n`, ['abX\n']],
    ['erasing a tab after a tab', {}, 'a\tb\t\x7f\x7fX\n', `a\tb\t\b\b\b\b\b\b\b${BS}X\r\n`, ['a\tX\n']],
    [
      'IUTF8',
      { iOn: IFLAG.IUTF8 },
      'a\xc3\xa9\xe2\x82\xac\x7f\x7fb\n',
      `a\xc3\xa9\xe2\x82\xac${BS}${BS}b\r\n`,
      ['ab\n'],
    ],
    ['no IUTF8', {}, '\xc3\xa9\x7fb\n', `\xc3\xa9${BS}b\r\n`, ['\xc3b\n']],
    ['VEOF after text', {}, 'abc\x04', 'abc', ['abc']],
    ['VEOF alone is an end of file', {}, '\x04', '', ['']],
    ['VEOF between lines', {}, 'ab\ncd\x04ef\n', 'ab\r\ncdef\r\n', ['ab\n', 'cd', 'ef\n']],
    ['VLNEXT', {}, 'a\x16\x03b\x16\x7fc\n', 'a^\b^Cb^\b^?c\r\n', ['a\x03b\x7fc\n']],
    ['VLNEXT and a newline', {}, 'a\x16\nb\n', 'a^\b^Jb\r\n', ['a\nb\n']],
    ['VREPRINT', {}, 'abc\x12d\n', 'abc^R\r\nabcd\r\n', ['abcd\n']],
    ['VEOL', { cc: { VEOL: 88 } }, 'abcXdef\r\n'.replace('\r', ''), 'abcXdef\r\n', ['abcX', 'def\n']],
    ['IGNCR', { iOn: IFLAG.IGNCR }, 'a\rb\n', 'ab\r\n', ['ab\n']],
    ['INLCR', { iOn: IFLAG.INLCR, iOff: IFLAG.ICRNL }, 'a\nb\r', 'a^Mb^M', []],
    ['no ICRNL', { iOff: IFLAG.ICRNL }, 'a\rb\n', 'a^Mb\r\n', ['a\rb\n']],
    ['ISTRIP', { iOn: IFLAG.ISTRIP }, '\xe1\n', 'a\r\n', ['a\n']],
    ['IUCLC', { iOn: IFLAG.IUCLC }, 'ABC\n', 'abc\r\n', ['abc\n']],
    ['PARMRK', { iOn: IFLAG.PARMRK }, 'a\xffb\n', 'a\xffb\r\n', ['a\xff\xffb\n']],
    ['no ECHO', { lOff: LFLAG.ECHO }, 'abc\n', '', ['abc\n']],
    ['ECHONL', { lOff: LFLAG.ECHO, lOn: LFLAG.ECHONL }, 'abc\n', '\r\n', ['abc\n']],
    ['no ECHOCTL', { lOff: LFLAG.ECHOCTL }, 'a\x01b\n', 'a\x01b\r\n', ['a\x01b\n']],
    ['high bytes', {}, '\x80\x9f\xa0\xff\n', '\x80\x9f\xa0\xff\r\n', ['\x80\x9f\xa0\xff\n']],
    ['VINTR flushes', {}, 'abc\x03def\n', '^Cdef\r\n', ['def\n']],
    ['NOFLSH', { lOn: LFLAG.NOFLSH }, 'abc\x03def\n', 'abc^Cdef\r\n', ['abcdef\n']],
    ['no ISIG', { lOff: LFLAG.ISIG }, 'a\x03\x1c\x1a\n', 'a^C^\\^Z\r\n', ['a\x03\x1c\x1a\n']],
    ['no IEXTEN', { lOff: LFLAG.IEXTEN }, 'a\x16\x17b\x12\n', 'a^V^Wb^R\r\n', ['a\x16\x17b\x12\n']],
    ['NUL', {}, 'a\0b\n', 'a^@b\r\n', ['a\0b\n']],
    ['several lines', {}, 'a\nb\nc\n', 'a\r\nb\r\nc\r\n', ['a\n', 'b\n', 'c\n']],
    ['no erasing of a line that is done', {}, 'ab\n\x7fc\n', 'ab\r\nc\r\n', ['ab\n', 'c\n']],
    ['no IXON', { iOff: IFLAG.IXON }, 'a\x13\x11\n', 'a^S^Q\r\n', ['a\x13\x11\n']],
  ];
  it.each(cases)('%s', (_name, modes, typed, echo, lines) => {
    const tty = terminal(modes);
    expect(type(tty, typed)).toBe(echo);
    expect(reads(tty)).toEqual(lines);
  });

  it('gives as much of a line as fits', () => {
    const tty = terminal();
    type(tty, 'abcd\n');
    const buf = new Uint8Array(3);
    expect(readSlave(task, file, tty, buf, 0, 3)).toBe(3);
    expect(reads(tty)).toEqual(['d\n']);
  });

  it('takes an end of file along with the bytes that fill the buffer', () => {
    const tty = terminal();
    type(tty, 'abc\x04');
    expect(readSlave(task, file, tty, new Uint8Array(3), 0, 3)).toBe(3);
    expect(reads(tty)).toEqual([]);
  });

  it('keeps 4096 bytes of a line, the last of them the newline', () => {
    const tty = terminal({ lOff: LFLAG.ECHO });
    type(tty, 'b'.repeat(64048));
    type(tty, '\n');
    const [line] = reads(tty);
    expect(line).toBe(`${'b'.repeat(4095)}\n`);
  });
});

describe('noncanonical mode', () => {
  const raw: Modes = { iOff: 0xffff, oOff: 0xffff, lOff: 0xffff };
  it('passes everything', () => {
    const tty = terminal(raw);
    expect(type(tty, 'a\r\n\x03\x7f')).toBe('');
    expect(reads(tty)).toEqual(['a\r\n\x03\x7f']);
  });

  it('echoes a newline as a control character where it is not special', () => {
    const tty = terminal({ iOff: 0xffff, lOff: LFLAG.ICANON | LFLAG.ISIG });
    expect(type(tty, 'a\r\n\x1b\t\x01')).toBe('a^M^J^[\t^A');
  });

  it('reads nothing at once with VMIN 0', () => {
    const tty = terminal({ ...raw, cc: { VMIN: 0 } });
    const r = readSlave(task, { flags: 0 } as OpenFile, tty, new Uint8Array(4), 0, 4);
    expect(r).toBe(0);
  });

  it('waits VTIME tenths of a second', () => {
    const tty = terminal({ ...raw, cc: { VMIN: 0, VTIME: 2 } });
    const r = readSlave(task, { flags: 0 } as OpenFile, tty, new Uint8Array(4), 0, 4);
    expect(r).toMatchObject({ blocked: true, deadline: kernel.clock.monotonic() + 2e8 });
  });

  it('waits for VMIN bytes, or as many as are asked for', () => {
    const tty = terminal({ ...raw, cc: { VMIN: 5 } });
    type(tty, 'abc');
    expect(readSlave(task, { flags: 0 } as OpenFile, tty, new Uint8Array(9), 0, 9)).toMatchObject({
      blocked: true,
    });
    expect(readSlave(task, { flags: 0 } as OpenFile, tty, new Uint8Array(3), 0, 3)).toBe(3);
  });
});

describe('flow control', () => {
  it('holds echoes back until VSTART', () => {
    const tty = terminal();
    expect([type(tty, 'abc\x13'), type(tty, 'def'), type(tty, '\x11'), type(tty, '\n')]).toEqual([
      '',
      '',
      'abcdef',
      '\r\n',
    ]);
    expect(reads(tty)).toEqual(['abcdef\n']);
  });

  it('goes on with any key under IXANY', () => {
    const tty = terminal({ iOn: IFLAG.IXANY });
    expect([type(tty, 'abc\x13'), type(tty, 'd'), type(tty, '\n')]).toEqual(['', 'abcd', '\r\n']);
  });

  it('stops what programs write', () => {
    const tty = terminal();
    type(tty, '\x13');
    expect(putOutput(tty, bytesOf('x'), 0, 1)).toBe(0);
    type(tty, '\x11');
    expect(putOutput(tty, bytesOf('x'), 0, 1)).toBe(1);
  });
});

describe('output', () => {
  const cases: [string, Modes, string, string][] = [
    ['ONLCR', {}, 'a\nb\n', 'a\r\nb\r\n'],
    ['XTABS', { oOn: OFLAG.XTABS }, 'a\tb\n\tc\r\td', 'a       b\r\n        c\r        d'],
    ['ONOCR', { oOn: OFLAG.ONOCR }, '\r\na\r\rb', '\r\na\rb'],
    ['OCRNL', { oOn: OFLAG.OCRNL }, 'a\rb\r\n', 'a\nb\n\r\n'],
    ['ONLRET', { oOn: OFLAG.ONLRET | OFLAG.XTABS, oOff: OFLAG.ONLCR }, 'a\nb\tc', 'a\nb       c'],
    ['OLCUC', { oOn: OFLAG.OLCUC }, 'aB\xe1\n', 'AB\xc1\r\n'],
    ['no OPOST', { oOff: OFLAG.OPOST }, 'a\nb\t\r', 'a\nb\t\r'],
    ['IUTF8 counts characters', { oOn: OFLAG.XTABS, iOn: IFLAG.IUTF8 }, '\xc3\xa9\tb', '\xc3\xa9       b'],
    ['backspaces and control characters', { oOn: OFLAG.XTABS }, 'ab\b\tb\x01\tc', 'ab\b       b\x01       c'],
  ];
  it.each(cases)('%s', (_name, modes, written, expected) => {
    const tty = terminal(modes);
    expect(putOutput(tty, bytesOf(written), 0, written.length)).toBe(written.length);
    expect(seen(tty)).toBe(expected);
  });
});
