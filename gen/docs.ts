// Writes docs/syscalls.md, the table of system calls with what is supported of each, from the rows themselves.
// Run by `npm run docs`; gen/docs.test.ts fails when the file is out of date.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ARCH_NAMES, numberOf } from '../src/abi/numbers/index.ts';
import { type Family, type Row, type Support, signature, supportOf } from '../src/gate/row.ts';
import { sealTable } from '../src/gate/table.ts';
import { ROWS } from '../src/ring0/sys/index.ts';

const FAMILIES: Readonly<Record<Family, string>> = {
  file: 'Files',
  desc: 'Descriptors',
  process: 'Processes',
  memory: 'Memory',
  signal: 'Signals',
  time: 'Time',
  creds: 'Identity',
  ipc: 'Communication between processes',
  network: 'Network',
  system: 'System',
};
const SUPPORT: Readonly<Record<Support, string>> = {
  full: 'full',
  partial: 'partial',
  stub: 'stub',
  absent: '-',
};

const family = (row: Row): Family =>
  typeof row.meta.family === 'string' ? row.meta.family : (row.meta.family[0] as Family);

export const renderSyscalls = (): string => {
  const { rows } = sealTable('x86_64', ROWS);
  const all = rows.flatMap((row, number) => (row === undefined ? [] : [{ row, number }]));
  const count = (level: Support): number => all.filter(({ row }) => supportOf(row) === level).length;
  const out = [
    '# The system call table',
    '',
    'Every number of the x86-64 table, and how far Kanmon supports it. This file is generated from the rows in',
    '`src/ring0/sys` by `npm run docs`.',
    '',
    '| support | calls | meaning |',
    '| --- | ---: | --- |',
    `| full | ${count('full')} | all of it |`,
    `| partial | ${count('partial')} | works, with the gaps that the note names |`,
    `| stub | ${count('stub')} | answers without doing; the note says why that is enough |`,
    `| absent | ${count('absent')} | fails as on a kernel built without it (mostly ENOSYS), counted by \`--stats\` |`,
    `| all | ${all.length} | |`,
    '',
    'Numbers differ between architectures, handlers do not: the columns i386, aarch64 and riscv64 show the same',
    'call in the other tables (`kanmon table --arch aarch64`).',
  ];
  for (const [name, title] of Object.entries(FAMILIES)) {
    const own = all.filter(({ row }) => family(row) === name);
    if (own.length === 0) continue;
    const head = ['x86_64', 'call', 'support', 'note', ...ARCH_NAMES.filter((a) => a !== 'x86_64')];
    out.push('', `## ${title}`, '', `| ${head.join(' | ')} |`);
    out.push(
      `| ${head.map((h) => (h === 'call' || h === 'support' || h === 'note' ? '---' : '---:')).join(' | ')} |`,
    );
    for (const { row, number } of own) {
      const others = ARCH_NAMES.filter((a) => a !== 'x86_64').map((a) => numberOf(a, row.name) ?? '');
      out.push(
        `| ${[number, `\`${signature(row)}\``, SUPPORT[supportOf(row)], (row.meta.note ?? '').replaceAll('|', '\\|'), ...others].join(' | ')} |`,
      );
    }
  }
  return `${out.join('\n')}\n`;
};

export const SYSCALLS_FILE = fileURLToPath(new URL('../docs/syscalls.md', import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = renderSyscalls();
  let before = '';
  try {
    before = readFileSync(SYSCALLS_FILE, 'utf8');
  } catch {
    before = '';
  }
  writeFileSync(SYSCALLS_FILE, text);
  console.log(text === before ? 'docs/syscalls.md is up to date' : 'docs/syscalls.md written');
}
