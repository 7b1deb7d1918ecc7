-- Times are Unix milliseconds. Ids are random text. JSON is text.

CREATE TABLE assets (
    id          TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    access      TEXT NOT NULL,          -- public | keyed
    created_at  BIGINT NOT NULL
);

CREATE TABLE versions (
    id          TEXT PRIMARY KEY,
    asset       TEXT NOT NULL REFERENCES assets (id),
    state       TEXT NOT NULL,          -- packaging | playable | ready | failed
    source      TEXT NOT NULL,          -- blob
    source_len  BIGINT NOT NULL,
    settings    TEXT NOT NULL,          -- JSON
    plan        TEXT,                   -- JSON, once made
    warnings    TEXT NOT NULL,          -- JSON
    failure     TEXT,
    created_at  BIGINT NOT NULL,
    started_at  BIGINT
);
CREATE INDEX versions_of_asset ON versions (asset, created_at);

CREATE TABLE tracks (
    version     TEXT NOT NULL REFERENCES versions (id),
    track       TEXT NOT NULL,
    position    BIGINT NOT NULL,        -- in the plan
    codec       TEXT NOT NULL,          -- RFC 6381
    timescale   BIGINT NOT NULL,
    init_blob   TEXT NOT NULL,
    init_len    BIGINT NOT NULL,
    PRIMARY KEY (version, track)
);

CREATE TABLE segments (
    version     TEXT NOT NULL REFERENCES versions (id),
    track       TEXT NOT NULL,
    number      BIGINT NOT NULL,
    start       BIGINT NOT NULL,        -- in the track's timescale
    duration    BIGINT NOT NULL,
    len         BIGINT NOT NULL,        -- bytes
    blob        TEXT NOT NULL,
    PRIMARY KEY (version, track, number)
);

CREATE TABLE uploads (
    id          TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    metadata    TEXT NOT NULL,          -- Upload-Metadata as it came
    length      BIGINT NOT NULL,
    received    BIGINT NOT NULL,        -- bytes safe on disk
    asset       TEXT REFERENCES assets (id),
    expires_at  BIGINT NOT NULL
);

CREATE TABLE jobs (
    id           TEXT PRIMARY KEY,
    version      TEXT NOT NULL REFERENCES versions (id),
    state        TEXT NOT NULL,         -- queued | leased | done | failed
    attempt      BIGINT NOT NULL,       -- the fencing token
    attempts_max BIGINT NOT NULL,
    run_at       BIGINT NOT NULL,
    lease_until  BIGINT NOT NULL,
    worker       TEXT,
    progress     TEXT,                  -- JSON
    reason       TEXT                   -- of the last failed attempt
);
CREATE INDEX jobs_to_run ON jobs (state, run_at);

CREATE TABLE revoked_keys (
    jti         TEXT PRIMARY KEY,
    revision    BIGINT NOT NULL,
    forget_at   BIGINT NOT NULL
);
