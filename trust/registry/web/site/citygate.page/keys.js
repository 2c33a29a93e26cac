// Public keys: the checks that each passes before it is used, and signatures under them.

import {concat, decodeBase64, encodeText, hex} from './bytes.js';
import {sha256} from './sha256.js';

export const algEd25519 = -19, algES256 = -9;

const typeEd25519 = 1, typeCosigned = 4, typeMLDSA44 = 6, sizeMLDSA44 = 1312;

// y coordinates, with the sign bit cleared, of the points whose order divides 8, and the other forms of 0 and 1.
const smallOrder = new Set([
  '00'.repeat(32), '01' + '00'.repeat(31),
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ec' + 'ff'.repeat(30) + '7f', 'ed' + 'ff'.repeat(30) + '7f', 'ee' + 'ff'.repeat(30) + '7f',
]);

// goodEd25519 refuses keys of another length, of small order, and in another than their one form.
export function goodEd25519(key) {
  if (key.length !== 32) return false;
  const y = hex(concat(key.subarray(0, 31), [key[31] & 0x7f]));
  return !smallOrder.has(y) && !(y.endsWith('ff'.repeat(30) + '7f') && key[0] >= 0xed);
}

// supported says whether signatures of an issuer algorithm can be checked here. SM2 cannot: browsers lack it.
export const supported = alg => alg === algEd25519 || alg === algES256;

// goodIssuerKey says whether an issuer key fits its algorithm. A key of an unknown algorithm is kept, within bounds.
export async function goodIssuerKey(alg, key) {
  if (alg === algEd25519) return goodEd25519(key);
  if (alg === algES256) return key.length === 65 && key[0] === 4 && await imported(alg, key) !== null;
  return key.length >= 16 && key.length <= sizeMLDSA44;
}

const cache = new Map();

// imported gives the browser's form of a key, null for one that it refuses.
function imported(alg, key) {
  const name = alg + ':' + hex(key);
  if (!cache.has(name)) {
    const how = alg === algEd25519 ? {name: 'Ed25519'} : {name: 'ECDSA', namedCurve: 'P-256'};
    cache.set(name, crypto.subtle.importKey('raw', key, how, false, ['verify']).catch(() => null));
  }
  return cache.get(name);
}

// verify says whether sig is a good signature of a message.
export async function verify(alg, key, message, sig) {
  if (sig.length !== 64 || !supported(alg) || alg === algEd25519 && !goodEd25519(key)) return false;
  const k = await imported(alg, key);
  if (k === null) return false;
  return crypto.subtle.verify(alg === algEd25519 ? 'Ed25519' : {name: 'ECDSA', hash: 'SHA-256'}, k, sig, message);
}

const keyID = (name, data) => hex(sha256(encodeText(name + '\n'), data).subarray(0, 4));

export const validName = s => s !== '' && !/[\s+\u0085\u180e]/u.test(s);

// parseKey reads a verifier key, name+id+key, for plain notes ('note'), cosignatures ('witness'), or only for its octets ('any').
// It gives {name, material, id, verify(text, sig)}, or null. An ML-DSA-44 cosignature counts as none: browsers lack it.
export function parseKey(text, use) {
  const [name, id, ...rest] = text.split('+'), data = decodeBase64(rest.join('+'));
  if (rest.length === 0 || text.length > 4096 || data === null || data.length < 2 || !validName(name) || id !== keyID(name, data)) return null;
  const key = data.subarray(1), type = data[0];
  if (use === 'note' ? type !== typeEd25519 : ![typeEd25519, typeCosigned, typeMLDSA44].includes(type)) return null;
  if (type === typeMLDSA44 ? key.length !== sizeMLDSA44 : !goodEd25519(key)) return null;
  const k = {name, material: hex(key), id};
  if (use === 'note') {
    k.verify = (message, sig) => verify(algEd25519, key, message, sig);
  } else if (type === typeMLDSA44) {
    k.cannot = true;
  } else {
    k.id = keyID(name, concat([typeCosigned], key));
    k.verify = (message, sig) => verifyCosignature(key, message, sig);
  }
  return k;
}

// timeOf is the time of a timestamped cosignature in seconds.
export const timeOf = sig => Number(new DataView(sig.buffer, sig.byteOffset).getBigUint64(0));

function verifyCosignature(key, message, sig) {
  if (sig.length !== 72) return false;
  const exact = new DataView(sig.buffer, sig.byteOffset).getBigUint64(0);
  return verify(algEd25519, key, concat(encodeText(`cosignature/v1\ntime ${exact}\n`), message), sig.subarray(8));
}

const parsed = new Map(); // texts and uses to keys: a directory names the same witnesses over and over

function remembered(text, use) {
  const name = use + ' ' + text;
  if (!parsed.has(name)) parsed.set(name, parseKey(text, use));
  return parsed.get(name);
}

// parseKeys reads 1 to most keys, of which no two are the same or could be taken for another. It gives null otherwise.
export function parseKeys(texts, most, use) {
  const keys = texts.map(t => remembered(t, use));
  if (keys.length < 1 || keys.length > most || keys.includes(null)) return null;
  const different = f => new Set(keys.map(f)).size === keys.length;
  return different(k => k.material) && different(k => k.id) ? keys : null;
}
