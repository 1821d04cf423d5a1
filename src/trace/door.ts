// One system call, told to a newcomer: registers before, the number, the row, the arguments, the handler, the
// result, registers after.

import { ARCHITECTURES } from '../abi/numbers/index.ts';
import type { Call } from '../gate/call.ts';
import type { Gate } from '../gate/gate.ts';
import { signature, supportOf } from '../gate/row.ts';
import type { Kernel } from '../ring0/kernel.ts';
import { fileOf } from '../ring0/sys/index.ts';
import { GPR } from '../ring3/layout.ts';
import { argument } from './arguments.ts';
import { SPECIAL } from './commands.ts';
import { type Context, pathName, rawArg } from './context.ts';
import { hex } from './print.ts';
import { errorText, resultText } from './returns.ts';

const SYSCALL_BYTES = 2;
const { argumentRegisters } = ARCHITECTURES.x86_64;

/** Numbers as a newcomer reads them: small ones in decimal, the others as addresses. */
const register = (v: number): string => {
  const signed = v > 0xffff_ffff_ffff_0000 ? Number(BigInt.asIntN(64, BigInt(v))) : v;
  return Math.abs(signed) < 65536 ? String(signed) : hex(v);
};
const lines = (rows: readonly (readonly [string, string, string])[]): string[] => {
  const width = Math.max(...rows.map(([, v]) => v.length));
  return rows.map(([k, v, note]) => `           ${k.padEnd(3)} = ${v.padEnd(width)}   ${note}`.trimEnd());
};

interface Before {
  readonly rip: number;
  readonly registers: readonly number[];
  readonly args: readonly string[];
  readonly program: string;
}

const narrate = (kernel: Kernel, gate: Gate, call: Call, result: number | null, before: Before): string => {
  const { row, number } = call;
  const ctx: Context = {
    call,
    task: call.task,
    mm: call.task.mm,
    options: { maxString: 32, paths: false },
    result,
  };
  const count = row.params.length;
  const after = SPECIAL[row.name] ? before.args : row.params.map((_, i) => argument(ctx, i));
  const called = lines([
    ['rax', String(number), `the number of the call: ${row.name}`],
    ...before.registers
      .slice(0, count)
      .map((v, i) => [argumentRegisters[i] as string, register(v), row.params[i]?.name ?? ''] as const),
  ]);
  const nameWidth = Math.max(0, ...row.params.map((p) => p.name.length));
  const decoded = row.params.map(
    (p, i) => `             ${p.name.padEnd(nameWidth)} = ${before.args[i] ?? after[i] ?? '(not looked at)'}`,
  );
  const written = row.params.flatMap((p, i) =>
    p.direction === 'in' || after[i] === before.args[i]
      ? []
      : [`           the handler wrote ${p.name} = ${after[i]}`],
  );
  const family = typeof row.meta.family === 'string' ? row.meta.family : row.meta.family.join(', ');
  const file = fileOf(row);
  const entries = gate.table.rows.filter((r) => r !== undefined).length;
  const shown = result === null ? 'none: the call does not return' : resultText(ctx);
  const rcx = kernel.cpu.gpr(GPR.rcx);
  // execve, or a signal handler that returns, has put other registers in their place.
  const goesOn = rcx === before.rip + SYSCALL_BYTES;
  const back =
    result === null
      ? ['           nobody goes back: the task has ended']
      : lines([
          [
            'rax',
            String(result),
            result < 0 ? `minus the error number: ${errorText(-result)}` : `the result of ${row.name}`,
          ],
          [
            'rcx',
            hex(rcx),
            goesOn ? 'where the program goes on (SYSCALL put it there)' : 'as the call has set it',
          ],
          [
            'r11',
            hex(kernel.cpu.gpr(GPR.r11)),
            goesOn ? 'its flags (SYSCALL put them there)' : 'as the call has set it',
          ],
        ]);
  return [
    `One system call of ${before.program} (process ${call.task.process.pid})`,
    '',
    `  ring 3   the program, at ${hex(before.rip)}:  syscall`,
    ...called,
    '                │',
    '  ══════════════╪═══════════════  the door: from ring 3 into ring 0',
    '                ▼',
    `  gate     the table of ${gate.table.arch}: ${entries} calls, sealed, sha256 ${gate.table.digest.slice(0, 16)}...`,
    `           table[${number}] is ${signature(row)}`,
    `           family ${family}; support ${supportOf(row)}${row.meta.note ? `: ${row.meta.note}` : ''}`,
    ...(count === 0
      ? ['           it takes no arguments']
      : ['           the arguments, decoded once:', ...decoded]),
    '                │',
    '                ▼',
    `  ring 0   the handler: ${file ?? 'none; the gate answers'}`,
    ...written,
    `           the result: ${shown}`,
    '                │',
    '  ══════════════╪═══════════════  back: from ring 0 to ring 3',
    '                ▼',
    '  ring 3',
    ...back,
    '',
  ].join('\n');
};

/** Tells the story of the first call of that name, once. The function returned stops waiting for it. */
export const showDoor = (
  kernel: Kernel,
  gate: Gate,
  name: string,
  tell: (text: string) => void,
): (() => void) => {
  const seen = new Map<Call, Before>();
  const remove = gate.attach(
    {
      enter: (call) => {
        if (seen.size > 0) return;
        const ctx: Context = {
          call,
          task: call.task,
          mm: call.task.mm,
          options: { maxString: 32, paths: false },
          result: null,
        };
        const { exe, comm } = call.task.process;
        seen.set(call, {
          rip: kernel.cpu.rip - SYSCALL_BYTES,
          registers: [0, 1, 2, 3, 4, 5].map((i) => rawArg(ctx, i)),
          args: SPECIAL[call.row.name]?.write(ctx) ?? call.row.params.map((_, i) => argument(ctx, i)),
          program: exe === null ? comm : pathName(exe),
        });
      },
      leave: (call, result) => {
        const before = seen.get(call);
        if (before === undefined) return;
        remove();
        tell(narrate(kernel, gate, call, result, before));
      },
    },
    (row) => row.name === name,
  );
  return remove;
};
