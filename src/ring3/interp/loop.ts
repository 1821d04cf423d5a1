// The interpreter's loop: one function that does the commonest instructions itself, each behind a label of one jump
// table, and calls the handlers of all others through the code table, from where they come back to it. A handler costs
// a call through the table with its checks, a frame, and a look at the host's stack; what is in the loop does not.

import type { Insn } from '../decode/insn.ts';
import { WASM } from '../emit-base.ts';
import { Code, type Label } from '../wasm/code.ts';
import { loadAt, type Val } from '../wasm/ir.ts';
import type { Tail } from './interp-emit.ts';
import { OP } from './op.ts';

/** Makes what an op does, the op being the one at `op`. */
export type Body = (code: Code, op: Val, tail: Tail) => void;

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));
const WIDE = words(
  'mov movzx movsx movsxd lea push pop jcc jmp call ret leave nop add sub cmp test and or xor inc dec neg not shl shr sar ' +
    'setcc cmovcc cbw cwd imul',
);
const BYTES = words('mov cmp test and or xor add sub setcc');
const VECTORS = words('movups movaps movdqu movdqa pxor');

/** Whether an instruction is among the commonest: 97 of 100 that python, a compiler, a shell or perl execute. */
export const isCommon = ({ row, width, addressWidth, rep }: Insn): boolean => {
  if (rep !== 'none' || addressWidth !== 64) return false;
  const { semantics } = row;
  if (VECTORS.has(semantics)) return true;
  return width === 8 ? BYTES.has(semantics) : width >= 32 && WIDE.has(semantics);
};

/** Defines `core.next`; `bodies[n]` is what the op does whose handler has index n in the code table. */
export const defineLoop = (table: number, handlerType: number, bodies: readonly (Body | null)[]): Code => {
  const code = new Code(['i32']);
  const op = code.param(0);
  const fn = (): Val => loadAt('i32', WASM.i32Load, op, OP.fn);
  code.loop((again) => {
    const tail: Tail = (c, next) => {
      c.set(op, next);
      c.br(again);
    };
    const elsewhere = code.open(0x02);
    const places = bodies.flatMap((body, n) => (body ? [n] : []));
    const labels = new Map<number, Label>(places.map((n) => [n, code.open(0x02)]));
    code.brTable(
      fn(),
      bodies.map((_, n) => labels.get(n) ?? elsewhere),
      elsewhere,
    );
    for (const n of places.reverse()) {
      code.close();
      (bodies[n] as Body)(code, op, tail);
      code.unreachable();
      code.endScope();
    }
    code.close();
    code.returnCallIndirect(table, handlerType, fn(), [op]);
  });
  code.unreachable();
  return code;
};
