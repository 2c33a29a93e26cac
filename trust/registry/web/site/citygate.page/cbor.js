// Deterministic CBOR (RFC 8949, 4.2.1): integers, strings, arrays and maps of definite length, with heads as short as possible.

import {decodeText} from './bytes.js';

export class Malformed extends Error {}

const maxItems = 16; // of an array or map

// Reader reads items off the front of some octets. Whatever is not as asked for throws Malformed.
export class Reader {
  constructor(b) {
    this.b = b;
    this.at = 0;
  }

  fail(why) {
    throw new Malformed(why);
  }

  end() {
    if (this.at !== this.b.length) this.fail('more follows');
  }

  // head reads the head of a major type and returns its argument, which is exact up to 2^53.
  head(major) {
    const first = this.b[this.at];
    if (first === undefined || first >> 5 !== major) this.fail('another type');
    this.at++;
    const info = first & 31;
    if (info < 24) return info;
    if (info > 27) this.fail('indefinite or reserved');
    const size = 1 << info - 24;
    if (this.at + size > this.b.length) this.fail('cut off');
    let n = 0n;
    for (let i = 0; i < size; i++) n = n << 8n | BigInt(this.b[this.at++]);
    if (n < 24n || size > 1 && n >> BigInt(size * 4) === 0n) this.fail('head too long');
    this.exact = n;
    return Number(n);
  }

  uint(below = 2 ** 64) {
    const n = this.head(0);
    if (n >= below) this.fail('number too large');
    return n;
  }

  // int reads an integer of either sign within the safe range.
  int() {
    const n = this.b[this.at] >> 5 === 1 ? -1 - this.head(1) : this.head(0);
    if (!Number.isSafeInteger(n)) this.fail('number too large');
    return n;
  }

  string(major, low, high) {
    const n = this.head(major);
    if (n < low || n > high || this.at + n > this.b.length) this.fail('length');
    this.at += n;
    return this.b.subarray(this.at - n, this.at);
  }

  bytes(low, high) {
    return this.string(2, low, high);
  }

  text(low = 0, high = Infinity) {
    const s = decodeText(this.string(3, low, high));
    if (s === null) this.fail('not UTF-8');
    return s;
  }

  count(major, low, high) {
    const n = this.head(major);
    if (n < low || n > Math.min(high, maxItems)) this.fail('number of items');
    return n;
  }

  // array reads an array of low to high items, each with the function.
  array(read, low = 0, high = maxItems) {
    return Array.from({length: this.count(4, low, high)}, () => read());
  }

  // tuple reads the head of an array of exactly n items.
  tuple(n) {
    this.count(4, n, n);
  }

  pairs() {
    return this.count(5, 0, maxItems);
  }

  // record reads a map whose keys are 1 to n, all of them, and gives the values in a list.
  record(...reads) {
    this.count(5, reads.length, reads.length);
    return reads.map((read, i) => {
      if (this.uint() !== i + 1) this.fail('another key');
      return read();
    });
  }
}

// head and the functions below it write.
export function head(major, n) {
  major <<= 5;
  if (n < 24) return [major | n];
  const size = n < 2 ** 8 ? 1 : n < 2 ** 16 ? 2 : n < 2 ** 32 ? 4 : 8, out = [major | 24 + Math.log2(size)];
  for (let i = size - 1; i >= 0; i--) out.push(Number(BigInt(n) >> BigInt(8 * i) & 255n));
  return out;
}

export const bytesItem = b => [...head(2, b.length), ...b];
