// All meanings and helpers of ring 3, merged from their families. A name that two families define is an error.

import { once } from '../../once.ts';
import type { Semantics, SemanticsTable } from '../emit.ts';
import type { HelperFamilies } from '../helpers.ts';
import { controlHelpers, controlSemantics } from './control.ts';
import { integerSemantics } from './integer.ts';
import { bitSemantics } from './integer-bit.ts';
import { productHelpers, productSemantics } from './integer-product.ts';
import { shiftSemantics } from './integer-shift.ts';
import { simdHelpers, simdSemantics } from './simd/index.ts';
import { stringSemantics } from './string.ts';
import { stringHelpers } from './string-rep.ts';
import { systemHelpers, systemSemantics } from './system.ts';
import { x87Helpers, x87Semantics } from './x87/index.ts';
import { saveHelpers, saveSemantics } from './x87/save.ts';

const merge = <T>(...tables: readonly Readonly<Record<string, T>>[]): Readonly<Record<string, T>> => {
  // Without a prototype it is a hash table from the beginning, which V8 fills faster than it would find new shapes.
  const all: Record<string, T> = Object.create(null);
  for (const table of tables) {
    for (const [name, entry] of Object.entries(table)) {
      if (name in all) throw new Error(`${name} is defined twice`);
      all[name] = entry;
    }
  }
  return Object.freeze(all);
};

const allSemantics = once(() =>
  merge<Semantics>(
    integerSemantics(),
    shiftSemantics(),
    productSemantics(),
    bitSemantics(),
    controlSemantics(),
    stringSemantics(),
    systemSemantics(),
    simdSemantics(),
    x87Semantics(),
    saveSemantics(),
  ),
);
/**
 * The meaning of every row of the opcode table, by `Row.semantics`. Where the core module is there, few programs run
 * anything that needs it.
 */
export const semantics = (): SemanticsTable => allSemantics();

/** TypeScript parts of instructions by the name that semantics give to `Emit.helper`, those that most programs use first. */
export const helpers = (): HelperFamilies => [
  systemHelpers,
  stringHelpers,
  controlHelpers,
  productHelpers,
  simdHelpers,
  saveHelpers,
  x87Helpers,
];
