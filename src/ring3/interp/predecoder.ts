// Guest code to ops, in WebAssembly: what decode/ and op.ts do by way of an `Insn`, done straight from the same
// tables, because most code of a program runs once and is read once, when the engine has not yet optimized the
// TypeScript that would read it. What is rare is left to that: instructions in two pages, those that are undefined,
// control registers, and forms without a handler.
//
// predecoder.test.ts holds the two against each other.

import { MAX_LENGTH, PREFIX, tables } from '../decode/decoder.ts';
import { PLAIN_FORMS } from '../decode/form.ts';
import { COLUMN, GROUP } from '../decode/lookup.ts';
import { METHOD, TYPE } from '../decode/operand-spec.ts';
import { ROW_FLAG as F } from '../decode/tables.ts';
import { WASM } from '../emit-base.ts';
import { OFF, PAGE } from '../layout.ts';
import { Code, type Label } from '../wasm/code.ts';
import { i32, i64, loadAt, select, type Val } from '../wasm/ir.ts';
import type { ModuleBuilder } from '../wasm/module.ts';
import { OP, OP_BYTES } from './op.ts';
import {
  FORM_WIDTHS,
  FORMS_WITH_IMMEDIATE,
  HANDLERS_AT,
  PREDECODE,
  PREFIXES,
  packed,
  READ_AHEAD,
  RESULT,
  SIZES,
  WIDTHS,
  WITH_IMMEDIATE,
} from './predecoder-tables.ts';

const k = i32.const;
const u8 = (at: Val, offset = 0): Val => loadAt('i32', WASM.i32Load8U, at, offset);
const bit = (v: Val, mask: number): Val => i32.and(v, k(mask));

/**
 * Adds `predecode` to a module, which exports it; returns the function that does it, with the guest address as an i64.
 */
export const definePredecoder = (mb: ModuleBuilder, firstHandler: number): number => {
  const params = ['i32', 'i64', 'i32', 'i32', 'i32'] as const;
  const c = new Code(params);
  const [code, op, most, at] = [c.param(0), c.param(2), c.param(3), c.param(4)];
  const int = (): Val => c.local('i32');
  const add = (v: Val, n: Val): void => c.set(v, i32.add(v, n));

  const first = int();
  const start = int();
  const end = int();
  const last = int();
  const insns = int();
  const ip = c.param(1);
  const next = c.local('i64');
  // Of one instruction: as in decode/decoder.ts.
  const byte = int();
  const kind = int();
  const rex = int();
  const size66 = int();
  const address32 = int();
  const repeat = int();
  const lock = int();
  const segment = int();
  const id = int();
  const flags = int();
  const modrm = int();
  const memory = int();
  const ripRelative = int();
  const base = int();
  const index = int();
  const scale = int();
  const size = int();
  const length = int();
  const form = int();
  const disp = c.local('i64');
  // Of one operand.
  const slot = int();
  const spec = int();
  const reg = int();
  const value = c.local('i64');
  const immediates = int();

  const result = (flow: Val): Val =>
    i32.or(
      i32.or(insns, i32.shl(flow, k(RESULT.flowShift))),
      i32.shl(i32.sub(start, first), k(RESULT.bytesShift)),
    );
  const stop = (): void => c.return(result(k(RESULT.stop)));
  /** The next byte of the instruction. */
  const take = (into: Val): void => {
    c.set(into, u8(code));
    add(code, k(1));
  };
  const gpr = (n: Val): Val => i32.add(k(OFF.gpr), i32.shl(n, k(3)));
  /** ModRM.reg and ModRM.rm with their bits of REX. */
  const regNumber = (): Val => i32.or(bit(i32.shrU(modrm, k(3)), 7), i32.shl(bit(rex, 4), k(1)));
  const rmNumber = (low: Val): Val => i32.or(bit(low, 7), i32.shl(bit(rex, 1), k(3)));
  const typeOf = (): Val => bit(i32.shrU(spec, k(5)), 15);

  const prefixes = (): void => {
    for (const v of [rex, size66, address32, repeat, lock]) c.set(v, k(0));
    c.set(segment, k(OFF.zero));
    c.block((opcode) => {
      c.loop((again) => {
        c.if(i32.geU(i32.sub(code, start), k(MAX_LENGTH)), stop);
        take(byte);
        c.set(kind, u8(i32.add(at, byte), PREFIXES));
        c.brIf(i32.eqz(kind), opcode);
        c.if(i32.eq(kind, k(PREFIX.rex)), () => {
          c.set(rex, byte);
          c.br(again);
        });
        c.set(rex, k(0));
        const meaning: readonly [number, Val, number][] = [
          [PREFIX.size, size66, 1],
          [PREFIX.rep, repeat, COLUMN.F3],
          [PREFIX.repne, repeat, COLUMN.F2],
          [PREFIX.lock, lock, 1],
          [PREFIX.fs, segment, OFF.fsBase],
          [PREFIX.gs, segment, OFF.gsBase],
          [PREFIX.address, address32, 1],
        ];
        for (const [prefix, what, v] of meaning) c.if(i32.eq(kind, k(prefix)), () => c.set(what, k(v)));
        c.br(again);
      });
    });
  };

  /** Finds the row; takes the opcode, ModRM, SIB and the displacement. */
  const row = (): void => {
    const key = kind;
    c.set(key, byte);
    c.if(i32.eq(byte, k(0x0f)), () => {
      take(byte);
      c.set(key, i32.or(byte, k(0x100)));
      c.if(i32.eq(bit(byte, 0xfd), k(0x38)), () => {
        c.set(key, select(i32.eq(byte, k(0x38)), k(0x200), k(0x300)));
        take(byte);
        c.set(key, i32.or(key, byte));
      });
    });
    const column = select(repeat, repeat, size66);
    const place = i32.or(i32.or(i32.shl(key, k(3)), i32.shl(column, k(1))), bit(i32.shrU(rex, k(3)), 1));
    c.set(id, loadAt('i32', WASM.i32Load16S, i32.add(at, i32.shl(place, k(1))), packed.top));
    c.if(i32.and(i32.eq(key, k(0x90)), i32.and(bit(rex, 1), i32.ne(repeat, k(COLUMN.F3)))), () =>
      c.set(id, k(tables.xchgR8)),
    );
    c.if(i32.eq(id, k(-1)), stop);
    c.set(modrm, k(0xc0));
    for (const v of [memory, ripRelative, scale]) c.set(v, k(0));
    c.set(base, k(OFF.zero));
    c.set(index, k(OFF.zero));
    c.set(disp, i64.const(0));
    // Only a row has flags: a group has ModRM anyway.
    c.if(i32.ltS(id, k(0)), group, () =>
      c.if(bit(u8(i32.add(at, id), packed.rowFlags), F.modrm), () => take(modrm)),
    );
    c.set(flags, u8(i32.add(at, id), packed.rowFlags));
    c.if(i32.and(i32.ltU(modrm, k(0xc0)), i32.eqz(bit(flags, F.register))), address);
  };
  const group = (): void => {
    take(modrm);
    const entry = i32.add(
      i32.mul(i32.sub(k(-2), id), k(GROUP)),
      i32.or(bit(modrm, 0x3f), select(i32.geU(modrm, k(0xc0)), k(64), k(0))),
    );
    c.set(id, loadAt('i32', WASM.i32Load16S, i32.add(at, i32.shl(entry, k(1))), packed.groups));
    c.if(i32.ltS(id, k(0)), stop);
  };
  const address = (): void => {
    const mod = kind;
    const rm = reg;
    const disp32 = (): void => {
      c.set(disp, loadAt('i64', WASM.i64Load32S, code));
      add(code, k(4));
    };
    c.set(memory, k(8));
    c.set(mod, i32.shrU(modrm, k(6)));
    c.set(rm, bit(modrm, 7));
    c.block((addressed) => {
      c.if(
        i32.eq(rm, k(4)),
        () => {
          take(byte);
          c.set(rm, bit(byte, 7));
          c.set(index, i32.or(bit(i32.shrU(byte, k(3)), 7), i32.shl(bit(rex, 2), k(2))));
          c.set(scale, i32.shrU(byte, k(6)));
          // Index 4 without REX.X means none.
          c.if(
            i32.eq(index, k(4)),
            () => {
              c.set(index, k(OFF.zero));
              c.set(scale, k(0));
            },
            () => c.set(index, gpr(index)),
          );
          c.if(i32.and(i32.eqz(mod), i32.eq(rm, k(5))), () => {
            disp32();
            c.br(addressed);
          });
        },
        () =>
          c.if(i32.and(i32.eqz(mod), i32.eq(rm, k(5))), () => {
            c.set(ripRelative, k(1));
            disp32();
            c.br(addressed);
          }),
      );
      c.set(base, gpr(rmNumber(rm)));
      c.if(i32.eq(mod, k(1)), () => {
        c.set(disp, loadAt('i64', WASM.i64Load8S, code));
        add(code, k(1));
      });
      c.if(i32.eq(mod, k(2)), disp32);
    });
  };

  /** Widths: by operand type and size. */
  const widthOf = (type: Val, from: number): Val => u8(i32.add(i32.add(at, i32.mul(type, k(3))), size), from);

  const sizesAndLength = (): void => {
    c.if(i32.and(lock, i32.or(i32.eqz(bit(flags, F.lockable)), i32.eqz(memory))), stop);
    const rule = u8(i32.add(at, id), packed.sizeRule);
    const w = i32.shl(bit(i32.shrU(rex, k(3)), 1), k(1));
    c.set(size, u8(i32.add(at, i32.or(i32.or(i32.shl(rule, k(2)), w), size66)), SIZES));
    c.set(
      length,
      i32.add(i32.sub(code, start), u8(i32.add(i32.add(at, i32.mul(id, k(3))), size), packed.immediates)),
    );
    c.if(bit(flags, F.moffs), () => {
      add(length, select(address32, k(4), k(8)));
      c.set(memory, k(8));
    });
    c.if(i32.or(i32.gtU(length, k(MAX_LENGTH)), i32.gtU(i32.add(start, length), end)), stop);
    c.set(next, i64.add(ip, i64.extendU(length)));
    c.if(ripRelative, () => {
      c.set(disp, i64.add(disp, next));
      c.if(address32, () => c.set(disp, i64.and(disp, i64.const(0xffff_ffff))));
    });
  };

  /** Immediates: `value`, of `bytes`; the first goes to imm, the second to disp. */
  const immediate = (bytes: Val | number): void => {
    c.store(WASM.i64Store, i32.sub(op, i32.shl(immediates, k(3))), value, OP.imm);
    c.set(immediates, k(1));
    add(code, typeof bytes === 'number' ? k(bytes) : bytes);
  };
  const signedImmediate = (): void => {
    const bytes = kind;
    c.set(bytes, i32.shrU(widthOf(typeOf(), WIDTHS), k(3)));
    const loads: readonly [number, number][] = [
      [1, WASM.i64Load8S],
      [2, WASM.i64Load16S],
      [4, WASM.i64Load32S],
      [8, WASM.i64Load],
    ];
    for (const [n, load] of loads) c.if(i32.eq(bytes, k(n)), () => c.set(value, loadAt('i64', load, code)));
    immediate(bytes);
  };
  const isByte = (): Val => i32.eq(typeOf(), k(TYPE.b));
  const byteOr = (small: number, wide: number): void =>
    c.if(
      isByte(),
      () => c.set(value, loadAt('i64', small, code)),
      () => c.set(value, loadAt('i64', wide, code)),
    );

  /** Offset of a general register: without any REX, 8-bit registers 4..7 are AH, CH, DH, BH. */
  const general = (n: Val): void => {
    c.set(reg, n);
    c.if(
      i32.and(i32.and(isByte(), i32.eqz(rex)), i32.eq(bit(reg, 12), k(4))),
      () => c.set(reg, i32.add(gpr(bit(reg, 3)), k(1))),
      () => c.set(reg, gpr(reg)),
    );
  };
  const xmm = (n: Val): void => c.set(reg, i32.add(k(OFF.xmm), i32.shl(n, k(4))));
  const mm = (n: Val): void => c.set(reg, i32.add(k(OFF.fpr), i32.shl(bit(n, 7), k(4))));

  type Case = readonly [method: number, body: () => void];
  /** Of ModRM.rm when it is no memory. */
  const inRm: readonly Case[] = [
    [METHOD.E, () => general(rmNumber(modrm))],
    [METHOD.W, () => xmm(rmNumber(modrm))],
    [METHOD.Q, () => mm(modrm)],
  ];
  const inRegister: readonly Case[] = [
    [METHOD.G, () => general(regNumber())],
    [METHOD.Z, () => general(rmNumber(byte))],
    [METHOD.fixed, () => general(i32.shrU(spec, k(13)))],
    [METHOD.V, () => xmm(regNumber())],
    [METHOD.P, () => mm(i32.shrU(modrm, k(3)))],
    [METHOD.STi, () => c.set(reg, bit(modrm, 7))],
    [METHOD.ST0, () => c.set(reg, k(0))],
    [METHOD.fixedS, () => c.set(reg, i32.shrU(spec, k(13)))],
  ];
  const inCode: readonly Case[] = [
    [METHOD.I, signedImmediate],
    [
      METHOD.sI,
      () => {
        c.set(value, loadAt('i64', WASM.i64Load8S, code));
        immediate(1);
      },
    ],
    [
      METHOD.uI,
      () => {
        byteOr(WASM.i64Load8U, WASM.i64Load16U);
        immediate(select(isByte(), k(1), k(2)));
      },
    ],
    [
      METHOD.J,
      () => {
        byteOr(WASM.i64Load8S, WASM.i64Load32S);
        c.set(value, i64.add(value, next));
        immediate(0);
      },
    ],
    [
      METHOD.O,
      () => {
        c.if(
          address32,
          () => c.set(disp, loadAt('i64', WASM.i64Load32U, code)),
          () => c.set(disp, loadAt('i64', WASM.i64Load, code)),
        );
      },
    ],
    [
      METHOD.one,
      () => {
        c.set(value, i64.const(1));
        immediate(0);
      },
    ],
  ];
  const cases = [...inRm, ...inRegister, ...inCode];

  /** The operand that `spec` tells of; a register goes to its slot. */
  const operand = (done: Label): void => {
    c.block((known) => {
      c.block((other) => {
        const open = cases.map(() => c.open(0x02));
        const labels = Array.from({ length: 32 }, (_, method) => {
          const n = cases.findIndex(([m]) => m === method);
          return n < 0 ? other : (open[open.length - 1 - n] as Label);
        });
        c.brTable(bit(spec, 31), labels, other);
        cases.forEach(([, body], n) => {
          c.close();
          if (n < inRm.length) c.brIf(memory, done);
          body();
          c.br(n < inRm.length + inRegister.length ? known : done);
        });
      });
      stop();
    });
    c.store(WASM.i32Store16, i32.add(op, i32.shl(slot, k(1))), reg, OP.reg);
  };

  const operands = (): void => {
    c.set(slot, k(0));
    c.set(immediates, k(0));
    c.store(WASM.i64Store, op, i64.const(0), OP.fn);
    c.store(WASM.i32Store, op, k(0), OP.reg + 4);
    c.store(WASM.i64Store, op, i64.const(0), OP.imm);
    c.store(WASM.i64Store, op, i64.const(0), OP.disp);
    c.block((none) => {
      c.loop((again) => {
        const entry = i32.add(i32.mul(id, k(3)), slot);
        c.set(spec, loadAt('i32', WASM.i32Load, i32.add(at, i32.shl(entry, k(2))), packed.specs));
        c.brIf(i32.eqz(spec), none);
        c.block(operand);
        add(slot, k(1));
        c.brIf(i32.ltU(slot, k(3)), again);
      });
    });
  };

  /** Looks the handler up and completes the op. */
  const finish = (): void => {
    const strings = bit(flags, F.rep | F.repne);
    const f2 = i32.and(i32.eq(repeat, k(COLUMN.F2)), i32.ne(bit(flags, F.repne), k(0)));
    const rep = select(i32.and(i32.ne(repeat, k(COLUMN.NP)), i32.ne(strings, k(0))), i32.add(f2, k(1)), k(0));
    const addresses = i32.ne(i32.or(memory, bit(flags, F.implicit)), k(0));
    const width = u8(i32.add(i32.add(at, u8(i32.add(at, id), packed.widthTypes)), size), FORM_WIDTHS);
    c.set(form, i32.or(i32.shl(id, k(6)), i32.shl(width, k(4))));
    c.set(form, i32.or(form, i32.or(memory, i32.or(i32.shl(rep, k(1)), i32.and(addresses, address32)))));
    c.if(bit(flags, F.imm), () => {
      c.if(bit(form, 1), stop);
      const n = i32.mul(u8(i32.add(at, id), WITH_IMMEDIATE), k(FORMS_WITH_IMMEDIATE));
      const widthAndMemory = i32.shl(bit(i32.shrU(form, k(3)), 7), k(8));
      const imm = u8(i32.sub(i32.add(start, length), k(1)));
      c.set(form, i32.add(k(PLAIN_FORMS), i32.add(n, i32.or(widthAndMemory, imm))));
    });
    const handler = kind;
    c.set(handler, loadAt('i32', WASM.i32Load16U, i32.add(at, i32.shl(form, k(1))), HANDLERS_AT));
    c.if(i32.ltU(handler, k(firstHandler)), stop);
    c.store(WASM.i32Store, op, handler, OP.fn);
    c.if(i64.ne(disp, i64.const(0)), () => c.store(WASM.i64Store, op, disp, OP.disp));
    c.store(WASM.i32Store, op, i32.or(base, i32.shl(index, k(16))), OP.base);
    c.store(
      WASM.i32Store,
      op,
      i32.or(segment, i32.or(i32.shl(scale, k(16)), i32.shl(length, k(24)))),
      OP.segment,
    );
    c.store(WASM.i32Store, op, k(0), OP.count);
    c.store(WASM.i64Store, op, ip, OP.ip);
  };

  c.set(first, code);
  c.set(start, code);
  c.set(end, i32.add(i32.or(code, k(PAGE - 1)), k(1)));
  c.memorySize(last);
  c.set(last, i32.sub(end, select(i32.eq(end, i32.shl(last, k(16))), k(READ_AHEAD), k(1))));
  c.loop((again) => {
    c.if(i32.gtU(code, last), stop);
    prefixes();
    row();
    sizesAndLength();
    operands();
    finish();
    c.set(ip, next);
    add(start, length);
    c.set(code, start);
    add(insns, k(1));
    add(op, k(OP_BYTES));
    const flow = kind;
    c.set(flow, u8(i32.add(at, id), packed.flows));
    c.brIf(i32.and(i32.eqz(flow), i32.ltU(insns, most)), again);
  });
  c.return(result(kind));
  c.unreachable();
  const predecode = mb.func(params, PREDECODE[1], c);
  const entry = new Code(PREDECODE[0]);
  const at53 = i64.truncSatF64S(entry.param(1));
  entry.returnCall(predecode, [entry.param(0), at53, entry.param(2), entry.param(3), entry.param(4)]);
  mb.export('predecode', mb.func(...PREDECODE, entry));
  return predecode;
};
