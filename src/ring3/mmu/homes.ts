// Which homes the pages of an address space have (HOME in layout.ts).

const TWO32 = 4294967296;
const HOMES_APART = 176 << 20;

/**
 * Where the pages of address spaces are at home: those of a few are out of each other's way, and of the tables at the
 * top of memory. What Linux's programs have lies around a few addresses, none of which are a multiple of this apart.
 */
export class Homes {
  /** Spaces that have them, of each kind. */
  readonly #users = new Int32Array(12);

  /** Those that the fewest have; the same again and again while spaces come one after the other, so that memory is used again. */
  choose(): number {
    const fewest = Math.min(...this.#users);
    return TWO32 - (1 + this.#users.indexOf(fewest)) * HOMES_APART;
  }
  hold(home: number): void {
    this.#count(home, 1);
  }
  release(home: number): void {
    this.#count(home, -1);
  }
  #count(home: number, by: number): void {
    const n = (TWO32 - home) / HOMES_APART - 1;
    this.#users[n] = (this.#users[n] as number) + by;
  }
}
