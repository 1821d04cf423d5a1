// SHA-256 (FIPS 180-4), synchronous and without a host, for the digest of the sealed table.

const primes = (n: number): number[] => {
  const out: number[] = [];
  for (let p = 2; out.length < n; p++) if (out.every((q) => p % q !== 0)) out.push(p);
  return out;
};
const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 4294967296) | 0;

const rotr = (x: number, n: number): number => (x >>> n) | (x << (32 - n));

/** SHA-256 of bytes, in hex. The constants are made here: most machines end without having been asked for it. */
export const sha256 = (bytes: Uint8Array): string => {
  const K = Int32Array.from(primes(64), (p) => fraction(Math.cbrt(p)));
  const H = Int32Array.from(primes(8), (p) => fraction(Math.sqrt(p)));
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const dv = new DataView(padded.buffer);
  dv.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
  dv.setUint32(padded.length - 4, bytes.length << 3);

  const hash = Int32Array.from(H);
  const w = new Int32Array(64);
  const at = (i: number): number => w[i] as number;
  for (let chunk = 0; chunk < padded.length; chunk += 64) {
    for (let i = 0; i < 16; i++) w[i] = dv.getInt32(chunk + 4 * i);
    for (let i = 16; i < 64; i++) {
      const s0 = rotr(at(i - 15), 7) ^ rotr(at(i - 15), 18) ^ (at(i - 15) >>> 3);
      const s1 = rotr(at(i - 2), 17) ^ rotr(at(i - 2), 19) ^ (at(i - 2) >>> 10);
      w[i] = at(i - 16) + s0 + at(i - 7) + s1;
    }
    let [a, b, c, d, e, f, g, h] = hash as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (let i = 0; i < 64; i++) {
      const t1 =
        h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + (K[i] as number) + at(i);
      const t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    const sum = [a, b, c, d, e, f, g, h];
    for (let i = 0; i < 8; i++) hash[i] = (hash[i] as number) + (sum[i] as number);
  }
  return [...hash].map((v) => (v >>> 0).toString(16).padStart(8, '0')).join('');
};
