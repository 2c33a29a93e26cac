// Merkle trees (RFC 9162, 2.1.1) and the tiles of C2SP tlog-tiles.

import {equal} from './bytes.js';
import {sha256} from './sha256.js';

export const tileWidth = 256;

const leafMark = Uint8Array.of(0), nodeMark = Uint8Array.of(1);

export const leafHash = entry => sha256(leafMark, entry);
export const nodeHash = (left, right) => sha256(nodeMark, left, right);

// push adds the count-th hash to the roots of perfect subtrees.
function push(peaks, count, h) {
  for (; count % 2 === 0; count /= 2) h = nodeHash(peaks.pop(), h);
  peaks.push(h);
}

const fold = peaks => peaks.length === 0 ? sha256(new Uint8Array(0)) : peaks.reduceRight((h, p) => nodeHash(p, h));

// rootOf is the root of a tree with these leaf hashes.
export function rootOf(leaves) {
  const peaks = [];
  leaves.forEach((h, i) => push(peaks, i + 1, h));
  return fold(peaks);
}

// pathRoot is where the 8 hashes of a sealed code's path lead from a leaf.
export function pathRoot(leaf, index, path) {
  let h = leaf;
  for (let i = 0; i < 8; i++) {
    const sibling = path.subarray(32 * i, 32 * i + 32);
    h = (index >> i) % 2 === 0 ? nodeHash(h, sibling) : nodeHash(sibling, h);
  }
  return h;
}

// tilePath is the path of tile n of a level ("entries" for bundles) with width hashes.
export function tilePath(level, n, width) {
  const groups = [];
  for (let rest = n; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000)) groups.unshift(String(rest % 1000).padStart(3, '0'));
  const path = groups.map((g, i) => i < groups.length - 1 ? 'x' + g : g).join('/');
  return `tile/${level}/${path}${width === tileWidth ? '' : '.p/' + width}`;
}

// parseTile splits a tile into at least width hashes and gives the first width of them; null for anything else.
export function parseTile(b, width) {
  if (b.length % 32 !== 0 || b.length < 32 * width || b.length > 32 * tileWidth) return null;
  return Array.from({length: width}, (_, i) => b.subarray(32 * i, 32 * i + 32));
}

// parseBundle splits an entry bundle, with the same promise.
export function parseBundle(b, width) {
  const entries = [];
  for (let at = 0; at < b.length;) {
    const n = b[at] << 8 | b[at + 1], end = at + 2 + n;
    if (at + 2 > b.length || end > b.length || entries.length === tileWidth) return null;
    entries.push(b.subarray(at + 2, end));
    at = end;
  }
  return entries.length < width ? null : entries.slice(0, width);
}

// Tree reads the nodes of a log of one size below a root that is already believed, and believes no tile that does not lead there.
export class Tree {
  // read gives the hashes of a tile: async (level, n, width) => list of width hashes.
  constructor(size, root, read) {
    this.size = size;
    this.root = root;
    this.read = read;
    this.edge = []; // by level: the hashes of the tile at the right edge
    this.tiles = new Map();
  }

  // open reads the tiles at the right edge, from which the root follows. It throws if it does not.
  async open() {
    const levels = [];
    for (let width = this.size; width > 0; width = Math.floor(width / tileWidth)) levels.push(width);
    this.edge = await Promise.all(levels.map((count, level) =>
      count % tileWidth === 0 ? [] : this.read(level, Math.floor(count / tileWidth), count % tileWidth)));
    const peaks = [];
    for (const hashes of this.edge.toReversed()) {
      hashes.forEach((h, i) => push(peaks, i + 1, h));
    }
    if (!equal(fold(peaks), this.root)) throw new Error('tiles do not rebuild the root');
    return this;
  }

  // node is the hash of the full node n of a tile level: a leaf on level 0, 256 leaves on level 1.
  async node(level, n) {
    const tile = Math.floor(n / tileWidth), at = n % tileWidth;
    if (tile === Math.floor(this.size / tileWidth ** (level + 1))) return this.edge[level]?.[at];
    const key = level + '/' + tile;
    if (!this.tiles.has(key)) this.tiles.set(key, this.full(level, tile));
    return (await this.tiles.get(key))[at];
  }

  // holds says whether these are the hashes of tile n of level 0, as wide as the tree has it.
  async holds(n, hashes) {
    if (n === Math.floor(this.size / tileWidth)) return hashes.length === this.edge[0].length && hashes.every((h, i) => equal(h, this.edge[0][i]));
    const want = await this.node(1, n);
    return hashes.length === tileWidth && Boolean(want) && equal(rootOf(hashes), want);
  }

  async full(level, n) {
    const [want, hashes] = await Promise.all([this.node(level + 1, n), this.read(level, n, tileWidth)]);
    if (!want || !equal(rootOf(hashes), want)) throw new Error('tile does not lead to the root');
    return hashes;
  }
}

