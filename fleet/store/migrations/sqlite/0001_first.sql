-- The enrolment list and what each gateway last said about itself. Times are
-- microseconds since 1970 in UTC; 0 is "never".
CREATE TABLE devices (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    event_key     BLOB    NOT NULL,
    title         TEXT    NOT NULL,
    place         TEXT    NOT NULL,
    added_us      INTEGER NOT NULL,
    heard_us      INTEGER NOT NULL DEFAULT 0,
    online        INTEGER NOT NULL DEFAULT 0,   -- 0 not known, 1 on, 2 off
    state_us      INTEGER NOT NULL DEFAULT 0,   -- when online last changed
    connection    INTEGER NOT NULL DEFAULT 0,   -- of the newest birth, 64 bits
    epoch         INTEGER NOT NULL DEFAULT 0,   -- of the newest birth, 64 bits
    birth_us      INTEGER NOT NULL DEFAULT 0,
    births        INTEGER NOT NULL DEFAULT 0,
    birth         BLOB    NOT NULL DEFAULT x'', -- last payloads, as they came
    health        BLOB    NOT NULL DEFAULT x'',
    health_us     INTEGER NOT NULL DEFAULT 0,
    report        BLOB    NOT NULL DEFAULT x'',
    report_us     INTEGER NOT NULL DEFAULT 0
);

-- One row for each start of a daemon. mark and chain are the high-water mark:
-- every number from 1 to mark is in events or in evicted, and chain is the
-- chain after mark. They change only in the transaction that adds those rows.
CREATE TABLE epochs (
    id          INTEGER PRIMARY KEY,
    device      INTEGER NOT NULL REFERENCES devices (id),
    epoch       INTEGER NOT NULL,              -- 64 bits, as a signed number
    mark        INTEGER NOT NULL,
    chain       BLOB    NOT NULL,
    opened_us   INTEGER NOT NULL,
    stored_us   INTEGER NOT NULL,
    prev_known  INTEGER NOT NULL DEFAULT 0,    -- the start event named a predecessor
    prev_epoch  INTEGER NOT NULL DEFAULT 0,
    prev_last   INTEGER NOT NULL DEFAULT 0,
    prev_chain  BLOB    NOT NULL DEFAULT x'',
    UNIQUE (device, epoch)
);
CREATE INDEX epochs_by_predecessor ON epochs (device, prev_epoch) WHERE prev_known = 1;
CREATE INDEX epochs_by_stored ON epochs (stored_us);

-- Events exactly as the device encoded them, each with the chain after it.
CREATE TABLE events (
    epoch      INTEGER NOT NULL REFERENCES epochs (id),
    seq        INTEGER NOT NULL,
    at_us      INTEGER NOT NULL,
    stored_us  INTEGER NOT NULL,
    type       TEXT    NOT NULL,               -- empty: raw is not an event
    verdict    TEXT    NOT NULL,
    raw        BLOB    NOT NULL,
    chain      BLOB    NOT NULL,
    PRIMARY KEY (epoch, seq)
) WITHOUT ROWID;

-- Ranges that a gateway gave up for want of space, with the chain after them.
CREATE TABLE evicted (
    epoch      INTEGER NOT NULL REFERENCES epochs (id),
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    stored_us  INTEGER NOT NULL,
    raw        BLOB    NOT NULL,
    chain      BLOB    NOT NULL,
    PRIMARY KEY (epoch, first)
) WITHOUT ROWID;

-- Scans by quarter of an hour, kept in the same transaction as the events, so
-- that no page has to count events.
CREATE TABLE counts (
    device   INTEGER NOT NULL REFERENCES devices (id),
    slot_us  INTEGER NOT NULL,
    verdict  TEXT    NOT NULL,
    n        INTEGER NOT NULL,
    quick    INTEGER NOT NULL,                 -- scan and verify under 100 ms
    PRIMARY KEY (device, slot_us, verdict)
) WITHOUT ROWID;
CREATE INDEX counts_by_time ON counts (slot_us);

CREATE TABLE findings (
    id           INTEGER PRIMARY KEY,
    device       INTEGER NOT NULL REFERENCES devices (id),
    kind         TEXT    NOT NULL,
    subject      TEXT    NOT NULL,             -- a log, a connection, or empty
    epoch        INTEGER NOT NULL,
    first        INTEGER NOT NULL,
    last         INTEGER NOT NULL,
    detail       TEXT    NOT NULL,
    ours         BLOB    NOT NULL,
    theirs       BLOB    NOT NULL,
    evidence     BLOB    NOT NULL,
    first_us     INTEGER NOT NULL,
    last_us      INTEGER NOT NULL,
    times        INTEGER NOT NULL,
    resolved_us  INTEGER NOT NULL DEFAULT 0,
    reason       TEXT    NOT NULL DEFAULT '',
    UNIQUE (device, kind, subject, epoch, first, last)
);
CREATE INDEX findings_open ON findings (device) WHERE resolved_us = 0;

-- Epochs in the order of their first birth. An epoch that is born again after a
-- later one is a device that lives twice.
CREATE TABLE lives (
    id        INTEGER PRIMARY KEY,
    device    INTEGER NOT NULL REFERENCES devices (id),
    epoch     INTEGER NOT NULL,
    first_us  INTEGER NOT NULL,
    UNIQUE (device, epoch)
);

-- Size and root of each log as each gateway last reported it, and the first
-- root that anyone reported for a size.
CREATE TABLE heads (
    device   INTEGER NOT NULL REFERENCES devices (id),
    log      TEXT    NOT NULL,
    size     INTEGER NOT NULL,
    root     BLOB    NOT NULL,
    time_us  INTEGER NOT NULL,                 -- the checkpoint's own time
    at_us    INTEGER NOT NULL,
    PRIMARY KEY (device, log)
) WITHOUT ROWID;
CREATE TABLE roots (
    log     TEXT    NOT NULL,
    size    INTEGER NOT NULL,
    root    BLOB    NOT NULL,
    device  INTEGER NOT NULL REFERENCES devices (id),
    at_us   INTEGER NOT NULL,
    PRIMARY KEY (log, size)
) WITHOUT ROWID;
