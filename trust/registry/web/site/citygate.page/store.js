// What the holder's page keeps in this browser: a key pair under "keys" and the text of the holder's code under "text".

import {equal} from './bytes.js';

const name = 'citygate-holder';

// Store is the place of both. The private key is an object of WebCrypto that gives no octets.
export class Store {
  static open() {
    return new Promise((done, fail) => {
      const r = indexedDB.open(name, 1);
      r.onupgradeneeded = () => r.result.createObjectStore('holder');
      r.onsuccess = () => done(new Store(r.result));
      r.onerror = () => fail(r.error);
    });
  }

  constructor(db) {
    this.db = db;
  }

  // each value is under its name.
  do(mode, f) {
    return new Promise((done, fail) => {
      const t = this.db.transaction('holder', mode, {durability: 'strict'}), r = f(t.objectStore('holder'));
      t.oncomplete = () => done(r.result);
      t.onerror = t.onabort = () => fail(t.error);
    });
  }

  get(key) {
    return this.do('readonly', s => s.get(key));
  }

  put(key, value) {
    return this.do('readwrite', s => s.put(value, key));
  }

  remove(key) {
    return this.do('readwrite', s => s.delete(key));
  }
}

// isOwn says whether a code was issued for the key of this browser. It makes no store where there is none.
export async function isOwn(claims) {
  const there = await indexedDB.databases();
  if (!claims.holder || !there.some(d => d.name === name)) return false;
  const keys = await (await Store.open()).get('keys');
  return keys !== undefined && equal(keys.public, claims.holder);
}
