// QR codes (ISO/IEC 18004) of level M for the texts of city codes, up to version 25: an alphanumeric, a byte and a numeric segment.

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';

// For versions 1 to 25 at level M: error correction codewords of a block, and blocks (table 9).
const correction = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28];
const blocks = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21];

// rawBits is the number of data and correction bits of a version: all modules but the function patterns.
function rawBits(version) {
  let n = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const marks = Math.floor(version / 7) + 2;
    n -= (25 * marks - 10) * marks - 55;
    if (version >= 7) n -= 36;
  }
  return n;
}

const codewords = version => Math.floor(rawBits(version) / 8) - correction[version - 1] * blocks[version - 1];

// segments cuts a text at its "#".
function segments(text) {
  const at = text.indexOf('#');
  return [{mode: 2, text: text.slice(0, at), count: [9, 11]}, {mode: 4, text: '#', count: [8, 16]}, {mode: 1, text: text.slice(at + 1), count: [10, 12]}];
}

// bitsOf writes the segments for a version.
function bitsOf(list, version) {
  const bits = [], put = (value, n) => {
    for (let i = n - 1; i >= 0; i--) bits.push(value >> i & 1);
  };
  for (const {mode, text, count} of list) {
    put(mode, 4);
    put(text.length, count[version < 10 ? 0 : 1]);
    if (mode === 4) put(text.charCodeAt(0), 8);
    if (mode === 1) for (let i = 0; i < text.length; i += 3) put(Number(text.slice(i, i + 3)), [4, 7, 10][Math.min(3, text.length - i) - 1]);
    if (mode === 2) {
      for (let i = 0; i < text.length; i += 2) {
        const a = alphabet.indexOf(text[i]), b = i + 1 < text.length ? alphabet.indexOf(text[i + 1]) : -1;
        if (b < 0) put(a, 6);
        else put(45 * a + b, 11);
      }
    }
  }
  return bits;
}

function multiply(a, b) { // in GF(2^8) modulo 0x11D
  let z = 0;
  for (let i = 7; i >= 0; i--) z = z << 1 ^ (z >> 7) * 0x11D ^ (b >> i & 1) * a;
  return z;
}

function generator(degree) {
  let g = [1], root = 1;
  for (let i = 0; i < degree; i++, root = multiply(root, 2)) {
    g = [...g, 0].map((c, j) => c ^ (j > 0 ? multiply(g[j - 1], root) : 0));
  }
  return g.slice(1);
}

function remainder(data, divisor) {
  const rest = new Array(divisor.length).fill(0);
  for (const b of data) {
    const factor = b ^ rest.shift();
    rest.push(0);
    divisor.forEach((d, i) => { rest[i] ^= multiply(d, factor); });
  }
  return rest;
}

// interleave cuts the data into blocks, adds their correction, and takes them column by column.
function interleave(data, version) {
  const n = blocks[version - 1], short = Math.floor(data.length / n), longFrom = n - data.length % n;
  const divisor = generator(correction[version - 1]), parts = [];
  for (let i = 0, at = 0; i < n; i++) {
    const part = data.slice(at, at += short + (i >= longFrom ? 1 : 0));
    parts.push({part, rest: remainder(part, divisor)});
  }
  const out = [];
  for (let i = 0; i <= short; i++) for (const {part} of parts) if (i < part.length) out.push(part[i]);
  for (let i = 0; i < divisor.length; i++) for (const {rest} of parts) out.push(rest[i]);
  return out;
}

const masks = [(x, y) => (x + y) % 2, (x, y) => y % 2, x => x % 3, (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2, (x, y) => x * y % 2 + x * y % 3,
  (x, y) => (x * y % 2 + x * y % 3) % 2, (x, y) => ((x + y) % 2 + x * y % 3) % 2];

// Grid is the modules of one symbol: dark holds 0 or 1, fixed marks function patterns.
class Grid {
  constructor(version) {
    this.version = version;
    this.size = 17 + 4 * version;
    this.dark = Array.from({length: this.size}, () => new Uint8Array(this.size));
    this.fixed = Array.from({length: this.size}, () => new Uint8Array(this.size));
    this.patterns();
  }

  set(x, y, dark) {
    if (x < 0 || y < 0 || x >= this.size || y >= this.size) return;
    this.dark[y][x] = dark ? 1 : 0;
    this.fixed[y][x] = 1;
  }

  patterns() {
    const {size, version} = this;
    for (let i = 0; i < size; i++) {
      this.set(6, i, i % 2 === 0);
      this.set(i, 6, i % 2 === 0);
    }
    for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) this.rings(cx, cy, 4);
    const at = this.alignment(), last = at.length - 1;
    at.forEach((x, i) => at.forEach((y, j) => {
      const corner = i === 0 && j === 0 || i === 0 && j === last || i === last && j === 0;
      if (!corner) this.rings(x, y, 2);
    }));
    this.format(0);
    if (version < 7) return;
    let rest = version;
    for (let i = 0; i < 12; i++) rest = rest << 1 ^ (rest >> 11) * 0x1F25;
    const bits = version << 12 | rest;
    for (let i = 0; i < 18; i++) {
      const a = size - 11 + i % 3, b = Math.floor(i / 3);
      this.set(a, b, bits >> i & 1);
      this.set(b, a, bits >> i & 1);
    }
  }

  // rings draws a finder pattern with its separator (radius 4) or an alignment pattern (radius 2).
  rings(cx, cy, radius) {
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++) {
        const d = Math.max(Math.abs(dx), Math.abs(dy));
        this.set(cx + dx, cy + dy, radius === 4 ? d !== 2 && d !== 4 : d !== 1);
      }
    }
  }

  alignment() {
    if (this.version === 1) return [];
    const count = Math.floor(this.version / 7) + 2, step = Math.ceil((this.version * 4 + 4) / (count * 2 - 2)) * 2;
    const at = [6];
    for (let p = this.size - 7; at.length < count; p -= step) at.splice(1, 0, p);
    return at;
  }

  // format writes level M and a mask.
  format(mask) {
    let rest = mask;
    for (let i = 0; i < 10; i++) rest = rest << 1 ^ (rest >> 9) * 0x537;
    const bits = (mask << 10 | rest) ^ 0x5412, bit = i => bits >> i & 1, {size} = this;
    for (let i = 0; i < 15; i++) {
      if (i < 8) this.set(size - 1 - i, 8, bit(i));
      else this.set(8, size - 15 + i, bit(i));
      if (i < 6) this.set(8, i, bit(i));
      else if (i < 8) this.set(8, i + 1, bit(i));
      else if (i === 8) this.set(7, 8, bit(i));
      else this.set(14 - i, 8, bit(i));
    }
    this.set(8, size - 8, 1);
  }

  fill(bytes) {
    let i = 0;
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      for (let v = 0; v < this.size; v++) {
        const y = (right + 1 & 2) === 0 ? this.size - 1 - v : v;
        for (const x of [right, right - 1]) {
          if (this.fixed[y][x] || i >= bytes.length * 8) continue;
          this.dark[y][x] = bytes[i >> 3] >> 7 - (i & 7) & 1;
          i++;
        }
      }
    }
  }

  mask(m) {
    for (let y = 0; y < this.size; y++) {
      for (let x = 0; x < this.size; x++) if (!this.fixed[y][x] && masks[m](x, y) === 0) this.dark[y][x] ^= 1;
    }
    this.format(m);
  }

  // penalty is how hard the symbol is to read (7.8.3).
  penalty() {
    const {dark, size} = this;
    let sum = 0, total = 0;
    const columns = Array.from({length: size}, (_, x) => dark.map(row => row[x]));
    for (const line of [...dark, ...columns]) {
      const s = line.join('');
      for (const run of s.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
      for (const p of ['10111010000', '00001011101']) for (let at = s.indexOf(p); at >= 0; at = s.indexOf(p, at + 1)) sum += 40;
    }
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        total += dark[y][x];
        if (x > 0 && y > 0 && dark[y][x] === dark[y][x - 1] && dark[y][x] === dark[y - 1][x] && dark[y][x] === dark[y - 1][x - 1]) sum += 3;
      }
    }
    return sum + 10 * Math.floor(Math.abs(total * 20 - size * size * 10) / (size * size));
  }
}

// encode gives the rows of modules of a text's symbol, each 0 or 1.
export function encode(text) {
  const list = segments(text);
  let version = 1, bits = bitsOf(list, 1);
  while (bits.length > 8 * codewords(version)) {
    if (++version > blocks.length) throw new Error('text is too long for a code on a screen');
    bits = bitsOf(list, version);
  }
  const room = 8 * codewords(version);
  bits.push(...new Array(Math.min(4, room - bits.length)).fill(0));
  while (bits.length % 8 !== 0) bits.push(0);
  const bytes = [];
  for (let i = 0; i < bits.length; i += 8) bytes.push(parseInt(bits.slice(i, i + 8).join(''), 2));
  for (let pad = 0xEC; bytes.length < codewords(version); pad ^= 0xEC ^ 0x11) bytes.push(pad);
  const grid = new Grid(version);
  grid.fill(interleave(bytes, version));
  let best = 0, least = Infinity;
  for (let m = 0; m < masks.length; m++) {
    grid.mask(m);
    const p = grid.penalty();
    if (p < least) [best, least] = [m, p];
    grid.mask(m); // a second time takes it away
  }
  grid.mask(best);
  return grid.dark;
}

// outline gives the dark modules as the path of an SVG, one stroke for each run.
export function outline(rows) {
  let d = '';
  rows.forEach((row, y) => {
    for (const run of row.join('').matchAll(/1+/g)) d += `M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`;
  });
  return d;
}
