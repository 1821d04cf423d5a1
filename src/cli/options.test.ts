import { describe, expect, test } from 'vitest';
import { bytes, environment, UsageError, user, volume } from './options.ts';

describe('-v', () => {
  test('adds up mounts', () => {
    expect(volume('/a:/b:ro', volume('x:/y'))).toEqual([
      { source: 'x', target: '/y', readonly: false },
      { source: '/a', target: '/b', readonly: true },
    ]);
  });
  test.each(['/a', ':/b', '/a:', '/a:b', '/a:/b:rx', '/a:/b:ro:x'])('refuses %s', (text) => {
    expect(() => volume(text)).toThrow(UsageError);
  });
});

describe('-e', () => {
  const parse = environment({ HOME: '/me' });
  test('takes values, values with = and those of the caller', () => {
    expect(parse('HOME', parse('B=1=2', parse('A=')))).toEqual({ A: '', B: '1=2', HOME: '/me' });
  });
  test('leaves out what the caller does not have either', () => {
    expect(parse('NOPE')).toEqual({});
  });
  test('refuses an empty name', () => {
    expect(() => parse('=x')).toThrow(UsageError);
  });
});

test.each([
  ['512m', 2 ** 29],
  ['1G', 2 ** 30],
  ['1.5g', 1.5 * 2 ** 30],
  ['65536k', 2 ** 26],
])('--memory %s', (text, n) => {
  expect(bytes(text)).toBe(n);
});
test.each(['', '5', 'x', '5g', '1t'])('--memory refuses %j', (text) => {
  expect(() => bytes(text)).toThrow(UsageError);
});

describe('-u', () => {
  const passwd = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:\n';
  const group = 'root:x:0:\nstaff:x:50:\n';
  test.each([
    ['nobody', 65534, 65534, '/nonexistent'],
    ['nobody:staff', 65534, 50, '/nonexistent'],
    ['65534', 65534, 65534, '/nonexistent'],
    ['0', 0, 0, '/root'],
    ['1000', 1000, 0, '/'],
    ['1000:7', 1000, 7, '/'],
  ])('%s', (text, uid, gid, home) => {
    expect(user(text, passwd, group)).toEqual({ uid, gid, home });
  });
  test.each(['who', 'nobody:who'])('refuses %s', (text) => {
    expect(() => user(text, passwd, group)).toThrow(UsageError);
  });
});
