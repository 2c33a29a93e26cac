// SHA-256 (FIPS 180-4). The browser's own is asynchronous, which costs more than the hash itself for the tens of thousands of
// small hashes of a status log.

const K = new Uint32Array(64), H0 = new Uint32Array(8);
{
  // The constants are the first 32 bits of the fractions of roots of the first primes (section 4.2.2, 5.3.3).
  const fraction = x => Math.floor((x - Math.floor(x)) * 2 ** 32);
  let n = 0;
  for (let p = 2; n < 64; p++) {
    let prime = true;
    for (let d = 2; d * d <= p; d++) prime &&= p % d !== 0;
    if (!prime) continue;
    if (n < 8) H0[n] = fraction(Math.sqrt(p));
    K[n++] = fraction(Math.cbrt(p));
  }
}

const W = new Uint32Array(64);

function block(h, b, at) {
  for (let i = 0; i < 16; i++, at += 4) W[i] = b[at] << 24 | b[at + 1] << 16 | b[at + 2] << 8 | b[at + 3];
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    W[i] = W[i - 16] + W[i - 7] +
      ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
  }
  let [a, c, d, e, f, g, i, j] = h;
  for (let n = 0; n < 64; n++) {
    const t = j + ((f >>> 6 | f << 26) ^ (f >>> 11 | f << 21) ^ (f >>> 25 | f << 7)) + (f & g ^ ~f & i) + K[n] + W[n] | 0;
    const u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & c ^ a & d ^ c & d) | 0;
    j = i; i = g; g = f; f = e + t | 0; e = d; d = c; c = a; a = t + u | 0;
  }
  h[0] += a; h[1] += c; h[2] += d; h[3] += e; h[4] += f; h[5] += g; h[6] += i; h[7] += j;
}

// sha256 returns the 32 octets of the hash of b.
export function sha256(b) {
  const h = H0.slice(), whole = b.length & ~63;
  for (let at = 0; at < whole; at += 64) block(h, b, at);
  const rest = b.length - whole, tail = new Uint8Array(rest < 56 ? 64 : 128), view = new DataView(tail.buffer);
  tail.set(b.subarray(whole));
  tail[rest] = 0x80;
  view.setUint32(tail.length - 8, Math.floor(b.length / 2 ** 29));
  view.setUint32(tail.length - 4, b.length << 3);
  for (let at = 0; at < tail.length; at += 64) block(h, tail, at);
  const out = new Uint8Array(32), w = new DataView(out.buffer);
  for (let i = 0; i < 8; i++) w.setUint32(4 * i, h[i]);
  return out;
}
