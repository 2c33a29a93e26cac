-- Requests of devices to come into the fleet, and what was decided. A device is
-- known by its keys (id, 32 octets) and named by its claim code, the first 80
-- bits of that. grant_cbor, once it is there, never changes.
CREATE TABLE enrolments (
    id          BLOB PRIMARY KEY,
    code        TEXT    NOT NULL UNIQUE,
    request     BLOB    NOT NULL,              -- the newest, as it came
    source      TEXT    NOT NULL,              -- the address it came from
    first_us    INTEGER NOT NULL,
    seen_us     INTEGER NOT NULL,
    state       TEXT    NOT NULL,              -- waiting, granted, refused
    decided_us  INTEGER NOT NULL DEFAULT 0,
    device      TEXT    NOT NULL DEFAULT '',
    grant_cbor  BLOB    NOT NULL DEFAULT x'',
    reason      TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX enrolments_waiting ON enrolments (source, seen_us) WHERE state = 'waiting';
