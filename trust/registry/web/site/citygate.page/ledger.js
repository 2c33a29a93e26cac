// A view of the ledger over HTTP, from the published tree of any mirror: checkpoints with their signatures and quorums, and below
// them nothing that does not lead to their roots.

import {equal} from './bytes.js';
import {foldDirectory} from './directory.js';
import {openCheckpoint, readRoot} from './note.js';
import {readStatuses} from './status.js';
import {Tree, leafHash, parseBundle, parseTile, rootOf, tilePath, tileWidth} from './tree.js';

const inFlight = 8; // bundles asked for at a time
const maxRotations = 16; // walked at most: a page is served with a policy that is not that old

// View is what verdict.js asks. get(path, limit) gives the octets of a published file, null if there is none; it throws if nobody
// answers. floor remembers the size of each log, so that a mirror cannot take back what this browser has seen.
export class View {
  constructor(get, root, floor = new Map()) {
    this.get = get;
    this.root = root;
    this.floor = floor;
    this.logs = new Map();
  }

  // open reads the directory. Without one there is still a view, of nothing.
  async open() {
    try {
      await this.openDirectory();
    } catch {
      this.directory = null;
    }
    return this;
  }

  // openDirectory walks from the root policy over the rotations that came after it to the policy in force.
  async openDirectory() {
    let directory = await foldDirectory(this.root, []), entries = [];
    for (let n = 0; n < maxRotations; n++) {
      const head = await this.checkpoint('directory', 'checkpoint', directory);
      const seen = head ?? await this.checkpoint('directory', 'rotation/' + n, directory);
      if (seen) {
        const held = entries;
        entries = await this.entries('directory', seen);
        if (!held.every((e, i) => i < entries.length && equal(e, entries[i]))) throw new Error('two histories of the directory');
        directory = await foldDirectory(this.root, entries);
      }
      if (head) {
        this.directory = directory;
        this.raise('directory', head);
        this.logs.set('directory', Promise.resolve(head));
        return;
      }
    }
    throw new Error('no checkpoint of the directory');
  }

  get size() {
    return this.directory?.size ?? 0;
  }

  key(i) {
    return this.directory?.key(i);
  }

  // log gives {size, time, tree} of a log, null if it cannot be had or believed. time is in milliseconds.
  log(short) {
    if (!this.logs.has(short)) this.logs.set(short, this.openLog(short).catch(() => null));
    return this.logs.get(short);
  }

  async openLog(short) {
    const head = await this.checkpoint(short, 'checkpoint', this.directory);
    if (!head) return null;
    const tree = await new Tree(head.size, head.root, (level, n, width) => this.tile(short, level, n, width)).open();
    this.raise(short, head);
    return {...head, tree};
  }

  // status folds a status log from its newest snapshot on, and gives a function from an index to good, revoked or suspended.
  async status(short) {
    const {size, tree} = await this.log(short);
    return readStatuses(size, async (from, to) => {
      if (from === to) return [];
      const first = Math.floor(from / tileWidth), bundles = await this.bundles(short, size, first, Math.ceil(to / tileWidth));
      for (const [i, b] of bundles.entries()) {
        if (!await tree.holds(first + i, b.map(leafHash))) throw new Error('entries are not the tree\'s');
      }
      return bundles.flat().slice(from - first * tileWidth, to - first * tileWidth);
    });
  }

  async checkpoint(short, file, directory) {
    const policy = directory.policy(short), raw = await this.get(`${short}/${file}`, 64 << 10);
    const head = policy && raw && await openCheckpoint(policy, raw);
    if (!head || file === 'checkpoint' && head.size < (this.floor.get(short) ?? 0)) return null;
    return {...head, time: head.time * 1000};
  }

  raise(short, head) {
    this.floor.set(short, Math.max(head.size, this.floor.get(short) ?? 0));
  }

  async tile(short, level, n, width) {
    const hashes = parseTile(await this.wide(short, level, n, width, 32 * tileWidth), width);
    if (!hashes) throw new Error('bad tile');
    return hashes;
  }

  // wide reads a tile or bundle. A partial one may be gone once the full one is there.
  async wide(short, level, n, width, limit) {
    const b = await this.get(`${short}/${tilePath(level, n, width)}`, limit) ??
      (width < tileWidth ? await this.get(`${short}/${tilePath(level, n, tileWidth)}`, limit) : null);
    if (!b) throw new Error('not found');
    return b;
  }

  // entries reads all entries of a log and checks that they are the checkpoint's.
  async entries(short, {size, root}) {
    const all = (await this.bundles(short, size, 0, Math.ceil(size / tileWidth))).flat();
    if (!equal(rootOf(all.map(leafHash)), root)) throw new Error('entries do not rebuild the root');
    return all;
  }

  // bundles reads the entry bundles of a log of a size from one to before another. They are not checked.
  async bundles(short, size, from, to) {
    const bundles = [];
    let next = from;
    const worker = async () => {
      while (next < to) {
        const n = next++, width = Math.min(tileWidth, size - n * tileWidth);
        bundles[n - from] = parseBundle(await this.wide(short, 'entries', n, width, tileWidth * (2 + 65535)), width);
        if (!bundles[n - from]) throw new Error('bad bundle');
      }
    };
    await Promise.all(Array.from({length: inFlight}, worker));
    return bundles;
  }
}

// usableRoot says whether a root policy is one.
export const usableRoot = root => {
  try {
    return readRoot(root) !== null;
  } catch {
    return false;
  }
};
