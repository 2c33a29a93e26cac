// Octets and their written forms. Decoders accept one encoding only, and give null for anything else.

const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const encoder = new TextEncoder();

export const encodeText = s => encoder.encode(s);

export function decodeText(b) {
  try {
    return utf8.decode(b);
  } catch {
    return null;
  }
}

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

export const hex = b => Array.from(b, x => x.toString(16).padStart(2, '0')).join('');

export function equal(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export const encodeBase64 = b => btoa(Array.from(b, x => String.fromCharCode(x)).join(''));

export function decodeBase64(s) {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(s)) return null;
  const b = Uint8Array.from(atob(s), c => c.charCodeAt(0));
  return encodeBase64(b) === s ? b : null; // the spare bits of the last character are 0
}

// uint64 writes a safe integer as 8 octets, big-endian.
export function uint64(n) {
  const b = new Uint8Array(8);
  new DataView(b.buffer).setBigUint64(0, BigInt(n));
  return b;
}

export function uint32(n) {
  const b = new Uint8Array(4);
  new DataView(b.buffer).setUint32(0, n);
  return b;
}
