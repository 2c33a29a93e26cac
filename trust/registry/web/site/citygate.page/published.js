// The published tree of this host.

const answerLimit = 20e3; // ms for one file

// fetchPublished gives the octets of a file, null if there is none. Tiles never change, so the browser may keep them; what a lying
// mirror once sent is not kept for ever, as a failed check asks with reload.
export async function fetchPublished(path, limit, reload = false) {
  const fresh = /(^|\/)(checkpoint|root\.json)$/.test(path);
  const r = await fetch('/' + path, {cache: reload ? 'reload' : fresh ? 'no-cache' : 'default', credentials: 'omit', redirect: 'error',
    signal: AbortSignal.timeout(answerLimit)});
  if (r.status === 404 || r.status === 410) return null;
  if (!r.ok) throw new Error(`${path}: ${r.status}`);
  if (Number(r.headers.get('content-length')) > limit) throw new Error(`${path}: too long`);
  const b = new Uint8Array(await r.arrayBuffer());
  if (b.length > limit) throw new Error(`${path}: ${b.length} octets`);
  return b;
}
