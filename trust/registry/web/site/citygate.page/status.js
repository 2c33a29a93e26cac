// What a status log says (docs/formats/ledger.md, Status entry): the fold of its entries, from its newest snapshot on.

import {Reader} from './cbor.js';
import {maxIndex} from './rows.js';

const revoked = 1, restored = 3;
const interval = 4096; // snapshots begin at multiples of it
const maxList = 32 << 10;

// readStatuses folds a log of a size, and gives a function from an index to good, revoked or suspended. read gives the entries from one
// index to before another, checked: async (from, to) => list. It throws where read does.
export async function readStatuses(size, read) {
  for (let at = Math.ceil(size / interval) * interval - interval; at > 0; at -= interval) {
    const start = await snapshot(at, size, read);
    if (start) return foldStatus(await read(start.end, size), start.now);
  }
  return foldStatus(await read(0, size));
}

// snapshot reads the whole snapshot that begins at an index, and gives what it says and where it ends; null if there is none.
async function snapshot(at, size, read) {
  const [first] = await read(at, at + 1), head = readPart(at, first);
  if (!head || at + head.parts > size) return null;
  const raws = [first, ...await read(at + 1, at + head.parts)], now = new Map();
  let next = 0;
  for (const [i, raw] of raws.entries()) {
    const part = readPart(at + i, raw);
    if (!part || part.part !== i || part.parts !== head.parts) return null;
    for (const [index, status] of part.records) {
      if (index < next) return null;
      next = index + 1;
      now.set(index, status);
    }
  }
  return {now, end: at + head.parts};
}

// readPart reads the entry that a status log has at an index as part of a snapshot; null for anything else.
export function readPart(index, raw) {
  try {
    const r = new Reader(raw);
    r.tuple(4);
    const size = r.uint(maxIndex + 1), part = r.uint(interval), parts = r.uint(interval + 1), list = r.bytes(0, maxList);
    r.end();
    return part < parts && size + part === index && size % interval === 0 ? {part, parts, records: readList(list)} : null;
  } catch {
    return null;
  }
}

// readList reads varints: twice the distance from the record before, plus one for suspended. It throws for any but the shortest form.
function readList(b) {
  const records = [];
  let index = 0, v = 0, scale = 1;
  for (const c of b) {
    v += c % 128 * scale;
    if (v >= 2 * maxIndex || c === 0 && scale > 1) throw new Error('number');
    if (c >= 128) {
      scale *= 128;
      continue;
    }
    const distance = Math.floor(v / 2);
    index += distance;
    if (index >= maxIndex || distance === 0 && records.length > 0) throw new Error('order');
    records.push([index, v % 2 === 1 ? 'suspended' : 'revoked']);
    v = 0;
    scale = 1;
  }
  if (scale > 1) throw new Error('cut off');
  return records;
}

// foldStatus goes on from what is known of some records. An entry of another form than a status entry's changes nothing.
export function foldStatus(entries, now = new Map()) {
  for (const raw of entries) {
    try {
      const r = new Reader(raw);
      r.tuple(3);
      const index = r.uint(maxIndex), action = r.uint();
      r.uint(2 ** 63);
      r.end();
      if (action === 0 || now.get(index) === 'revoked') continue;
      if (action === revoked) now.set(index, 'revoked');
      else if (action === restored) now.delete(index);
      else now.set(index, 'suspended');
    } catch {
      continue;
    }
  }
  return index => now.get(index) ?? 'good';
}
