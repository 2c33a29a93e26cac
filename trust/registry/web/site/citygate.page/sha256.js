// SHA-256 (FIPS 180-4). The browser's own is asynchronous, which costs more than the hash itself for the tens of thousands of
// small hashes of a status log.

const K = new Int32Array(64), H0 = new Int32Array(8);
{
  // The constants are the first 32 bits of the fractions of roots of the first primes (section 4.2.2, 5.3.3).
  const fraction = x => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
  let n = 0;
  for (let p = 2; n < 64; p++) {
    let prime = true;
    for (let d = 2; d * d <= p; d++) prime &&= p % d !== 0;
    if (!prime) continue;
    if (n < 8) H0[n] = fraction(Math.sqrt(p));
    K[n++] = fraction(Math.cbrt(p));
  }
}

const W = new Int32Array(64), H = new Int32Array(8);
let padded = new Uint8Array(1024); // the message, padded (section 5.1.1)

// block works the block of padded at an octet into H (section 6.2.2).
function block(at) {
  for (let i = 0; i < 16; i++, at += 4) W[i] = padded[at] << 24 | padded[at + 1] << 16 | padded[at + 2] << 8 | padded[at + 3];
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    W[i] = (W[i - 16] + W[i - 7] | 0) +
      ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10) | 0;
  }
  let a = H[0], b = H[1], c = H[2], d = H[3], e = H[4], f = H[5], g = H[6], h = H[7];
  for (let i = 0; i < 64; i++) {
    const t = (h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) | 0) + ((e & f ^ ~e & g) + K[i] | 0) + W[i] | 0;
    const u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
    h = g;
    g = f;
    f = e;
    e = d + t | 0;
    d = c;
    c = b;
    b = a;
    a = t + u | 0;
  }
  H[0] += a; H[1] += b; H[2] += c; H[3] += d; H[4] += e; H[5] += f; H[6] += g; H[7] += h;
}

// sha256 returns the 32 octets of the hash of some octets, one after the other.
export function sha256(...parts) {
  let n = 0;
  for (const p of parts) n += p.length;
  const end = n + 72 & ~63; // with the bit, and 8 octets of length
  if (padded.length < end) padded = new Uint8Array(2 * end);
  let at = 0;
  for (const p of parts) {
    padded.set(p, at);
    at += p.length;
  }
  padded.fill(0, n, end);
  padded[n] = 0x80;
  for (let i = 1, bits = n * 8; bits > 0; i++, bits = Math.floor(bits / 256)) padded[end - i] = bits % 256;
  H.set(H0);
  for (let i = 0; i < end; i += 64) block(i);
  const out = new Uint8Array(32);
  for (let i = 0; i < 32; i++) out[i] = H[i >> 2] >>> 24 - 8 * (i & 3);
  return out;
}
