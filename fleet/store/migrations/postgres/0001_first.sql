-- The tables of the SQLite schema, in PostgreSQL's words. Names sort byte by byte, as
-- SQLite sorts them.
--
-- The enrolment list and what each gateway last said about itself. Times are
-- microseconds since 1970 in UTC; 0 is "never".
CREATE TABLE devices (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL UNIQUE,
    event_key     BYTEA    NOT NULL,
    title         TEXT    NOT NULL,
    place         TEXT    NOT NULL,
    added_us      BIGINT NOT NULL,
    heard_us      BIGINT NOT NULL DEFAULT 0,
    online        BIGINT NOT NULL DEFAULT 0,   -- 0 not known, 1 on, 2 off
    state_us      BIGINT NOT NULL DEFAULT 0,   -- when online last changed
    connection    BIGINT NOT NULL DEFAULT 0,   -- of the newest birth, 64 bits
    epoch         BIGINT NOT NULL DEFAULT 0,   -- of the newest birth, 64 bits
    birth_us      BIGINT NOT NULL DEFAULT 0,
    births        BIGINT NOT NULL DEFAULT 0,
    birth         BYTEA    NOT NULL DEFAULT '\x', -- last payloads, as they came
    health        BYTEA    NOT NULL DEFAULT '\x',
    health_us     BIGINT NOT NULL DEFAULT 0,
    report        BYTEA    NOT NULL DEFAULT '\x',
    report_us     BIGINT NOT NULL DEFAULT 0
);

-- One row for each start of a daemon. mark and chain are the high-water mark:
-- every number from 1 to mark is in events or in evicted, and chain is the
-- chain after mark. They change only in the transaction that adds those rows.
CREATE TABLE epochs (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device      BIGINT NOT NULL REFERENCES devices (id),
    epoch       BIGINT NOT NULL,              -- 64 bits, as a signed number
    mark        BIGINT NOT NULL,
    chain       BYTEA    NOT NULL,
    opened_us   BIGINT NOT NULL,
    stored_us   BIGINT NOT NULL,
    prev_known  BIGINT NOT NULL DEFAULT 0,    -- the start event named a predecessor
    prev_epoch  BIGINT NOT NULL DEFAULT 0,
    prev_last   BIGINT NOT NULL DEFAULT 0,
    prev_chain  BYTEA    NOT NULL DEFAULT '\x',
    UNIQUE (device, epoch)
);
CREATE INDEX epochs_by_predecessor ON epochs (device, prev_epoch) WHERE prev_known = 1;
CREATE INDEX epochs_by_stored ON epochs (stored_us);

-- Events exactly as the device encoded them, each with the chain after it. There is
-- no REFERENCES here: PostgreSQL would look the epoch up for each row, and lock it,
-- and an epoch is never deleted.
CREATE TABLE events (
    epoch      BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    at_us      BIGINT NOT NULL,
    stored_us  BIGINT NOT NULL,
    type       TEXT COLLATE "C" NOT NULL,               -- empty: raw is not an event
    verdict    TEXT COLLATE "C" NOT NULL,
    raw        BYTEA    NOT NULL,
    chain      BYTEA    NOT NULL,
    PRIMARY KEY (epoch, seq)
);

-- Ranges that a gateway gave up for want of space, with the chain after them.
CREATE TABLE evicted (
    epoch      BIGINT NOT NULL REFERENCES epochs (id),
    first      BIGINT NOT NULL,
    last       BIGINT NOT NULL,
    stored_us  BIGINT NOT NULL,
    raw        BYTEA    NOT NULL,
    chain      BYTEA    NOT NULL,
    PRIMARY KEY (epoch, first)
);

-- Scans by quarter of an hour, kept in the same transaction as the events, so
-- that no page has to count events.
CREATE TABLE counts (
    device   BIGINT NOT NULL REFERENCES devices (id),
    slot_us  BIGINT NOT NULL,
    verdict  TEXT COLLATE "C" NOT NULL,
    n        BIGINT NOT NULL,
    quick    BIGINT NOT NULL,                 -- scan and verify under 100 ms
    PRIMARY KEY (device, slot_us, verdict)
);
CREATE INDEX counts_by_time ON counts (slot_us);

CREATE TABLE findings (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device       BIGINT NOT NULL REFERENCES devices (id),
    kind         TEXT COLLATE "C" NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,             -- a log, a connection, or empty
    epoch        BIGINT NOT NULL,
    first        BIGINT NOT NULL,
    last         BIGINT NOT NULL,
    detail       TEXT    NOT NULL,
    ours         BYTEA    NOT NULL,
    theirs       BYTEA    NOT NULL,
    evidence     BYTEA    NOT NULL,
    first_us     BIGINT NOT NULL,
    last_us      BIGINT NOT NULL,
    times        BIGINT NOT NULL,
    resolved_us  BIGINT NOT NULL DEFAULT 0,
    reason       TEXT    NOT NULL DEFAULT '',
    UNIQUE (device, kind, subject, epoch, first, last)
);
CREATE INDEX findings_open ON findings (device) WHERE resolved_us = 0;

-- Epochs in the order of their first birth. An epoch that is born again after a
-- later one is a device that lives twice.
CREATE TABLE lives (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device    BIGINT NOT NULL REFERENCES devices (id),
    epoch     BIGINT NOT NULL,
    first_us  BIGINT NOT NULL,
    UNIQUE (device, epoch)
);

-- Size and root of each log as each gateway last reported it, and the first
-- root that anyone reported for a size.
CREATE TABLE heads (
    device   BIGINT NOT NULL REFERENCES devices (id),
    log      TEXT COLLATE "C" NOT NULL,
    size     BIGINT NOT NULL,
    root     BYTEA    NOT NULL,
    time_us  BIGINT NOT NULL,                 -- the checkpoint's own time
    at_us    BIGINT NOT NULL,
    PRIMARY KEY (device, log)
);
CREATE TABLE roots (
    log     TEXT COLLATE "C" NOT NULL,
    size    BIGINT NOT NULL,
    root    BYTEA    NOT NULL,
    device  BIGINT NOT NULL REFERENCES devices (id),
    at_us   BIGINT NOT NULL,
    PRIMARY KEY (log, size)
);
