// How a jump through a table finds the block of its target within a region: by a hash of the address.

export interface Spread {
  /** Places in the list of addresses, by slot. */
  readonly slots: ReadonlyMap<number, readonly number[]>;
  /** The slot of an address is the product with its low 32 bits, shifted right. */
  readonly multiplier: number;
  readonly shift: number;
}

const TRIES = 32;

/**
 * Spreads addresses over a table of twice to four times their number by multiplication. Of a few multipliers the one
 * with the fewest collisions is taken.
 */
export const spread = (ips: readonly number[]): Spread => {
  const shift = Math.min(31, Math.clz32(ips.length) - 1);
  let best: Spread = { slots: new Map(), multiplier: 1, shift };
  let fewest = Number.POSITIVE_INFINITY;
  let multiplier = 0x9e3779b1;
  for (let tries = 0; tries < TRIES && fewest > 0; tries++) {
    const slots = new Map<number, number[]>();
    let collisions = 0;
    ips.forEach((ip, n) => {
      const slot = Math.imul(ip | 0, multiplier) >>> shift;
      const there = slots.get(slot);
      if (there) {
        collisions += there.length;
        there.push(n);
      } else slots.set(slot, [n]);
    });
    if (collisions < fewest) {
      fewest = collisions;
      best = { slots, multiplier, shift };
    }
    multiplier = (Math.imul(multiplier, 0x2545f491) + 0x3c6ef372) | 1;
  }
  return best;
};
