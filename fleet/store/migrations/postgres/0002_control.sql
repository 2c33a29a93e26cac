-- Commands as operations signed them, and the newest progress that the gateway
-- told. A row is added once; state only goes forward.
CREATE TABLE commands (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device     BIGINT NOT NULL REFERENCES devices (id),
    name       TEXT COLLATE "C" NOT NULL,          -- the command's identifier
    not_after  BIGINT NOT NULL,          -- seconds since 1970
    payload    BYTEA NOT NULL,
    given_us   BIGINT NOT NULL,
    sent_us    BIGINT NOT NULL DEFAULT 0,
    state      TEXT NOT NULL DEFAULT '', -- empty, or as in the gateway's result
    result     BYTEA NOT NULL DEFAULT '\x',
    result_us  BIGINT NOT NULL DEFAULT 0,
    UNIQUE (device, name)
);
CREATE INDEX commands_open ON commands (device) WHERE state IN ('', 'accepted', 'running');

-- The newest desired state of each target, d/<device> or g/<ring>. Its number
-- only rises.
CREATE TABLE desired (
    target   TEXT COLLATE "C" PRIMARY KEY,
    number   BIGINT NOT NULL,            -- 64 bits, as a signed number
    payload  BYTEA NOT NULL,
    set_us   BIGINT NOT NULL,
    sent     BIGINT NOT NULL DEFAULT 0   -- 1: published since it was set
);

-- A second chain of an epoch that a person let go on is a row of its own, a branch:
-- its numbers begin above base, where the chain is base_chain. first_chain, if not
-- empty, is the chain at base + 1.
ALTER TABLE epochs ADD COLUMN branch_of BIGINT NOT NULL DEFAULT 0;
ALTER TABLE epochs ADD COLUMN base BIGINT NOT NULL DEFAULT 0;
ALTER TABLE epochs ADD COLUMN base_chain BYTEA NOT NULL DEFAULT '\x';
ALTER TABLE epochs ADD COLUMN first_chain BYTEA NOT NULL DEFAULT '\x';
CREATE INDEX epochs_branches ON epochs (device, branch_of) WHERE branch_of <> 0;
