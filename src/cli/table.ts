// `kanmon table`: the system call table of an architecture, or one call of it.

import type { Command } from 'commander';
import { ARCH_NAMES, ARCHITECTURES, type ArchName, isArch, numberOf } from '../abi/numbers/index.ts';
import { type Row, signature, supportOf } from '../gate/row.ts';
import { sealTable, type Table } from '../gate/table.ts';
import { fileOf, ROWS } from '../ring0/sys/index.ts';
import type { Colors } from './colors.ts';
import { UsageError } from './options.ts';
import { outputTo } from './output.ts';

interface TableOptions {
  readonly arch: string;
  readonly json?: boolean;
}

const families = (row: Row): string[] =>
  typeof row.meta.family === 'string' ? [row.meta.family] : [...row.meta.family];

const asJson = (arch: ArchName, number: number, row: Row): object => ({
  arch,
  number,
  name: row.name,
  args: row.params.map((p, i) => ({
    name: p.name,
    type: p.type,
    direction: p.direction,
    register: ARCHITECTURES[arch].argumentRegisters[i],
  })),
  returns: row.meta.returns,
  family: families(row),
  support: supportOf(row),
  ...(row.meta.note === undefined ? {} : { note: row.meta.note }),
  ...(fileOf(row) === undefined ? {} : { handler: fileOf(row) }),
});

const levelColor = (colors: Colors, level: string): ((s: string) => string) =>
  level === 'full' ? colors.green : level === 'absent' ? colors.dim : colors.yellow;

const listed = (table: Table, colors: Colors): string => {
  const out: string[] = [];
  for (const [number, row] of table.rows.entries()) {
    if (row === undefined) continue;
    const level = supportOf(row);
    const note = row.meta.note === undefined ? '' : `  ${colors.dim(row.meta.note)}`;
    out.push(
      `${String(number).padStart(4)}  ${levelColor(colors, level)(level.padEnd(8))}${signature(row)}${note}`,
    );
  }
  return `${out.join('\n')}\n`;
};

const detailed = (arch: ArchName, number: number, row: Row, colors: Colors): string => {
  const { argumentRegisters, numberRegister, resultRegister, instruction } = ARCHITECTURES[arch];
  const out = [
    colors.bold(signature(row)),
    '',
    `  number     ${number} on ${arch} (${numberRegister} = ${number}, then ${instruction}; the result comes back in ${resultRegister})`,
    `  elsewhere  ${ARCH_NAMES.filter((a) => a !== arch)
      .map((a) => `${a} ${numberOf(a, row.name) ?? 'none'}`)
      .join(', ')}`,
    ...row.params.map(
      (p, i) =>
        `  ${i === 0 ? 'arguments' : '         '}  ${(argumentRegisters[i] ?? '').padEnd(4)} ${p.name.padEnd(12)} ${p.type}${p.direction === 'in' ? '' : `, ${p.direction}`}`,
    ),
    `  returns    ${row.meta.returns}`,
    `  family     ${families(row).join(', ')}`,
    `  support    ${levelColor(colors, supportOf(row))(supportOf(row))}${row.meta.note === undefined ? '' : `: ${row.meta.note}`}`,
  ];
  const file = fileOf(row);
  if (file !== undefined) out.push(`  handler    ${file}`);
  return `${out.join('\n')}\n`;
};

/** Prints the table, or the call that `which` names (a name or a number). */
export const table = (
  which: string | undefined,
  options: TableOptions,
  colors: Colors,
  print: (text: string) => void,
): void => {
  const { arch } = options;
  if (!isArch(arch)) throw new UsageError(`--arch ${arch}: choose one of ${ARCH_NAMES.join(', ')}`);
  const sealed = sealTable(arch, ROWS);
  if (which === undefined) {
    const all = sealed.rows.flatMap((row, number) => (row === undefined ? [] : [asJson(arch, number, row)]));
    print(options.json ? `${JSON.stringify(all, null, 1)}\n` : listed(sealed, colors));
    return;
  }
  const number = /^(0x[\da-f]+|\d+)$/i.test(which) ? Number(which) : numberOf(arch, which);
  const row = number === undefined ? undefined : sealed.rows[number];
  if (number === undefined || row === undefined) {
    const elsewhere = ARCH_NAMES.filter((a) => numberOf(a, which) !== undefined);
    const hint =
      elsewhere.length > 0 ? ` (there is one on ${elsewhere.join(', ')}: --arch ${elsewhere[0]})` : '';
    throw new UsageError(`${arch} has no system call ${which}${hint}`);
  }
  print(
    options.json
      ? `${JSON.stringify(asJson(arch, number, row), null, 1)}\n`
      : detailed(arch, number, row, colors),
  );
};

export const addTable = (program: Command, colors: () => Colors): void => {
  program
    .command('table')
    .summary('show the system call table, or one call of it')
    .description('Shows the system call table: numbers, calls, how far each is supported.')
    .argument('[name|number]', 'one call, by name or by number')
    .option('--arch <arch>', `whose numbers: ${ARCH_NAMES.join(', ')}`, 'x86_64')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kanmon table                      all calls of x86-64
  kanmon table write                one call: number, registers, arguments, support
  kanmon table 257                  the same, by number
  kanmon table openat --arch i386   the number on another architecture
  kanmon table --json | jq length`,
    )
    .action(async (which: string | undefined, options: TableOptions) => {
      // A pipe takes 64 KiB at a time, and the process ends with the command.
      const out = outputTo(1, () => {});
      table(which, options, colors(), (text) => void out.sink(Buffer.from(text)));
      await out.flushed();
    });
};
