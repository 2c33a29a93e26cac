// The grammar of identifiers and prefixes, and which prefix covers which identifier.

const maxLength = 128;
const nodesForm = /^[0-9]{3}(\.[A-Za-z0-9]{1,20})*$/;
const objectForm = /^[A-Za-z0-9_-]{1,40}(\.[A-Za-z0-9_-]{1,40})*\/?$/;

// validClaims says whether a node path and an object, which is "" for a node, name an identifier.
export function validClaims(nodes, object) {
  const length = 3 + nodes.length + (object === '' ? 0 : 1 + object.length);
  return length <= maxLength && nodesForm.test(nodes) && (object === '' || objectForm.test(object));
}

// validPath says whether s is an identifier without its "MA.".
export function validPath(s) {
  const cut = s.indexOf('/');
  if (cut < 0) return validClaims(s, '');
  return cut < s.length - 1 && validClaims(s.slice(0, cut), s.slice(cut + 1));
}

// validPrefix says whether s is a prefix such as "MA.156.1301".
export const validPrefix = s => s.startsWith('MA.') && validClaims(s.slice(3), '');

export const isCountry = prefix => prefix.split('.').length === 2;

// parent is the prefix one node above, or null above a country.
export const parent = prefix => isCountry(prefix) ? null : prefix.slice(0, prefix.lastIndexOf('.'));

const below = (prefix, nodes) => nodes === prefix || nodes.startsWith(prefix + '.');

// covers says whether a key of the prefix may speak for an identifier, given by its two claims.
export function covers(prefix, nodes, object) {
  const id = 'MA.' + nodes, above = object !== '' ? id : parent(id);
  if (above === null) return false;
  return isCountry(prefix) ? above === prefix : below(prefix, above);
}

// contains is plain containment, as places are compared. The identifier may have an object.
export const contains = (prefix, id) => below(prefix, id.split('/')[0]);
