// Makes what the benchmarks run and read, in a temporary folder: compiled programs, a text, and compressible bytes.

import { spawnSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { files } from './items.mjs';

const run = (command, ...args) => {
  const r = spawnSync(command, args, { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${r.error?.message ?? r.stderr}`);
  return r.stdout.trim();
};

const random = (seed) => {
  let s = seed;
  return (n) => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return (s >>> 0) % n;
  };
};

/** Lines of words that become rarer down the list, about as in a natural language. */
const text = (bytes) => {
  const next = random(20240229);
  const words = Array.from({ length: 20000 }, () =>
    String.fromCharCode(...Array.from({ length: 2 + next(9) }, () => 97 + next(next(26) + 1))),
  );
  const out = [];
  let length = 0;
  while (length < bytes) {
    const line = Array.from(
      { length: 3 + next(12) },
      () => words[next(next(next(words.length) + 1) + 1)],
    ).join(' ');
    out.push(line);
    length += line.length + 1;
  }
  return `${out.join('\n')}\n`;
};

/** Prepares the folder `dir`; returns what the items need to know. */
export const prepare = (dir) => {
  const source = (name) => fileURLToPath(new URL(`programs/${name}`, import.meta.url));
  const f = files(dir);
  run('gcc', '-O2', '-static', source('hello.c'), '-o', f.hello);
  run('gcc', '-O2', source('hello.c'), '-o', f.helloDynamic);
  run('gcc', '-O2', '-static', source('calls.c'), '-o', f.calls);
  run('gcc', '-O2', source('doubles.c'), '-o', f.doubles, '-lm');
  run('gcc', '-O2', source('integers.c'), '-o', f.integers);
  run('g++', '-O2', '-std=c++17', source('words.cpp'), '-o', f.words);
  run('gcc', '-O2', source('measure.c'), '-o', `${dir}/measure`);
  run('gcc', '-E', source('compiled.c'), '-o', f.preprocessed);
  copyFileSync(source('text.pl'), f.perl);
  copyFileSync(source('objects.py'), f.python);
  const lines = text(6_000_000);
  writeFileSync(f.text, lines);
  writeFileSync(f.long, lines.repeat(4));
  writeFileSync(f.bytes, lines.slice(0, 1_200_000));
  run(
    'sh',
    '-c',
    `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do cat '${f.text}'; done | gzip -1 > '${f.compressed}'`,
  );
  return { cc1: run('gcc', '-print-prog-name=cc1') };
};
