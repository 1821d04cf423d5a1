import { describe, expect, it } from 'vitest';
import { ENOEXEC } from '../../abi/errno.ts';
import { bytesOf } from './fixture.ts';
import { parseScript } from './script.ts';

const line = (s: string) => parseScript(bytesOf(s).slice(0, 256));

describe('#! lines', () => {
  it('have an interpreter and one argument, which keeps its inner blanks', () => {
    expect(line('#!/bin/sh\necho')).toEqual({ interpreter: '/bin/sh', argument: null });
    expect(line('#! \t/bin/awk  -f  x y \t\n')).toEqual({ interpreter: '/bin/awk', argument: '-f  x y' });
    expect(line('#!/bin/sh')).toEqual({ interpreter: '/bin/sh', argument: null });
  });

  it('are refused without an interpreter', () => {
    expect(line('#!\n/bin/sh')).toBe(-ENOEXEC);
    expect(line('#!   \t\n')).toBe(-ENOEXEC);
    expect(line('#!')).toBe(-ENOEXEC);
  });

  it('may be longer than the 256 bytes that count, but the interpreter may not be cut', () => {
    const long = `#!/bin/sh ${'a'.repeat(300)}\n`;
    expect(line(long)).toEqual({ interpreter: '/bin/sh', argument: 'a'.repeat(245) });
    expect(line(`#!/${'b'.repeat(300)}\n`)).toBe(-ENOEXEC);
    expect(line(`#!${' '.repeat(300)}\n`)).toBe(-ENOEXEC);
  });
});
