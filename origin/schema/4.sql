-- Versions whose first segments edges fetch before anyone asks for them.

CREATE TABLE warming (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,     -- edges hold it as their offset
    version  TEXT NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    since    BIGINT NOT NULL,                       -- Unix time, ms
    done     BIGINT NOT NULL                        -- 1: its step of the saga has ended
);
CREATE INDEX warming_of_version ON warming (version);

-- Sound added to what is sealed: a version that is none of its asset's until it is whole.

-- JSON of what is added; NULL: it is, or was, shown as its asset. State `adding` besides.
ALTER TABLE versions ADD COLUMN addition TEXT;

ALTER TABLE uploads ADD COLUMN adds_to TEXT;    -- asset that it is sound for; NULL: none
ALTER TABLE uploads ADD COLUMN addition TEXT;   -- JSON: what it is called
ALTER TABLE uploads ADD COLUMN version TEXT;    -- that it became

-- Content keys of encrypted versions. No other table holds one.

CREATE TABLE content_keys (
    version     TEXT NOT NULL REFERENCES versions (id),
    kind        TEXT NOT NULL,          -- video | audio
    kid         TEXT NOT NULL,          -- which key: 32 hexadecimal digits, public
    secret      TEXT NOT NULL,          -- the key: 32 hexadecimal digits
    PRIMARY KEY (version, kind)
);

-- What first passes found.

-- A row for each span of each track. The bytes go once the span is encoded; what they
-- say of its cost stays, as other spans are allotted their bits by it.
CREATE TABLE passes (
    version     TEXT NOT NULL REFERENCES versions (id),
    track       TEXT NOT NULL,
    span        BIGINT NOT NULL,
    cost        TEXT NOT NULL,          -- JSON
    len         BIGINT NOT NULL,        -- bytes
    blob        TEXT,
    PRIMARY KEY (version, track, span)
);
CREATE INDEX passes_of_blob ON passes (blob);
