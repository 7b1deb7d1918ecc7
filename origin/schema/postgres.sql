-- What schemas 1 to 6 come to, for PostgreSQL. What follows is for both.
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
    warnings    TEXT NOT NULL,          -- JSON
    failure     TEXT,
    created_at  BIGINT NOT NULL,
    started_at  BIGINT,
    duration_secs DOUBLE PRECISION,     -- of the plan
    retire_at   BIGINT,                 -- gone from then on; NULL: never
    addition    TEXT                    -- JSON of what is added; NULL: shown as its asset
);

CREATE INDEX versions_of_asset ON versions (asset, created_at);

CREATE TABLE segments (
    version     TEXT NOT NULL REFERENCES versions (id),
    track       TEXT NOT NULL,
    number      BIGINT NOT NULL,
    start       BIGINT NOT NULL,        -- in the track's timescale
    duration    BIGINT NOT NULL,
    len         BIGINT NOT NULL,        -- bytes
    blob        TEXT NOT NULL,
    iframe      BIGINT NOT NULL DEFAULT 0, -- to the end of the first picture; 0: not known
    PRIMARY KEY (version, track, number)
);

CREATE TABLE uploads (
    id          TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    metadata    TEXT NOT NULL,          -- Upload-Metadata as it came
    length      BIGINT NOT NULL,
    received    BIGINT NOT NULL,        -- bytes safe on disk
    asset       TEXT REFERENCES assets (id),
    expires_at  BIGINT NOT NULL,
    adds_to     TEXT,                   -- asset that it is sound for; NULL: none
    addition    TEXT,                   -- JSON: what it is called
    version     TEXT,                   -- that it became
    deferred    BIGINT NOT NULL DEFAULT 0, -- 1: length is the most allowed
    concat      TEXT                    -- Upload-Concat; NULL: neither a part nor joined
);

CREATE TABLE jobs (
    id           TEXT PRIMARY KEY,
    version      TEXT NOT NULL REFERENCES versions (id),
    state        TEXT NOT NULL,         -- queued | leased | done | failed | cancelled
    attempt      BIGINT NOT NULL,       -- the fencing token
    attempts_max BIGINT NOT NULL,
    run_at       BIGINT NOT NULL,
    lease_until  BIGINT NOT NULL,
    worker       TEXT,
    progress     TEXT,                  -- JSON
    reason       TEXT,                  -- of the last failed attempt
    kind         TEXT NOT NULL DEFAULT 'plan',
    urgency      BIGINT NOT NULL DEFAULT 0, -- lower is sooner
    version_at   BIGINT NOT NULL DEFAULT 0, -- the version's created_at
    position     BIGINT NOT NULL DEFAULT 0, -- in the plan
    task         TEXT NOT NULL          -- JSON
        DEFAULT '{"kind":"plan","span":0,"tracks":[],"segments":null,"optional":false}',
    toolchain    TEXT NOT NULL DEFAULT '', -- empty: any
    warnings     TEXT NOT NULL DEFAULT '[]' -- JSON
);

CREATE TABLE plans (
    version     TEXT PRIMARY KEY REFERENCES versions (id),
    plan        TEXT NOT NULL           -- JSON
);

CREATE TABLE tracks (
    version        TEXT NOT NULL REFERENCES versions (id),
    track          TEXT NOT NULL,
    position       BIGINT NOT NULL,     -- in the plan
    made_by        BIGINT NOT NULL,     -- group of tracks made together, in order of making
    planned        TEXT NOT NULL,       -- JSON
    tasks_left     BIGINT NOT NULL,     -- jobs that may still write to it
    dropped        BIGINT NOT NULL,     -- 1: given up, and never listed
    codec          TEXT,                -- RFC 6381; with the init segment
    timescale      BIGINT,
    init_blob      TEXT,                -- none for text
    init_len       BIGINT,
    stored         BIGINT NOT NULL,     -- segments
    stored_time    BIGINT NOT NULL,     -- all they last, in the timescale
    contiguous     BIGINT NOT NULL,     -- segments from number 0 without a hole
    contiguous_end BIGINT NOT NULL,     -- where these end, in the timescale
    first_at       BIGINT,              -- when the first segment was stored
    PRIMARY KEY (version, track)
);

CREATE INDEX tracks_of_blob ON tracks (init_blob);

CREATE INDEX segments_of_blob ON segments (blob);

CREATE INDEX versions_of_source ON versions (source);

CREATE TABLE files (
    version     TEXT NOT NULL REFERENCES versions (id),
    name        TEXT NOT NULL,
    len         BIGINT NOT NULL,        -- bytes
    blob        TEXT NOT NULL,
    PRIMARY KEY (version, name)
);

CREATE INDEX files_of_blob ON files (blob);

CREATE INDEX jobs_to_run ON jobs (state, urgency, version_at, position);

CREATE INDEX jobs_of_version ON jobs (version, state);

CREATE TABLE garbage (
    blob        TEXT PRIMARY KEY,
    due_at      BIGINT NOT NULL
);

CREATE INDEX garbage_due ON garbage (due_at);

CREATE TABLE saga (
    version     TEXT NOT NULL REFERENCES versions (id),
    number      BIGINT NOT NULL,
    step        TEXT NOT NULL,          -- upload | plan | encode | publish
    state       TEXT NOT NULL,          -- started | done | failed | undone
    at          BIGINT NOT NULL,
    detail      TEXT,
    PRIMARY KEY (version, number)
);

CREATE INDEX uploads_of_asset ON uploads (asset);

CREATE INDEX versions_to_retire ON versions (retire_at) WHERE retire_at IS NOT NULL;

CREATE TABLE warming (
    number   BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, -- edges hold it as their offset
    version  TEXT NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    since    BIGINT NOT NULL,                       -- Unix time, ms
    done     BIGINT NOT NULL                        -- 1: its step of the saga has ended
);

CREATE INDEX warming_of_version ON warming (version);

CREATE TABLE content_keys (
    version     TEXT NOT NULL REFERENCES versions (id),
    kind        TEXT NOT NULL,          -- video | audio
    kid         TEXT NOT NULL,          -- which key: 32 hexadecimal digits, public
    secret      TEXT NOT NULL,          -- the key: 32 hexadecimal digits
    PRIMARY KEY (version, kind)
);

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

CREATE INDEX uploads_of_concat ON uploads (concat);

CREATE TABLE revocations (
    what          TEXT NOT NULL,        -- jti | subject | asset | signer
    name          TEXT NOT NULL,
    issued_before BIGINT NOT NULL,      -- Unix seconds; of a jti, for ever
    forget_at     BIGINT NOT NULL,      -- none of these keys lives then
    PRIMARY KEY (what, name)
);

CREATE INDEX revocations_to_forget ON revocations (forget_at);

CREATE TABLE key_revision (revision BIGINT NOT NULL);

INSERT INTO key_revision VALUES (1);

-- Of SQLite's, as much as is used: a text by the path to it.
CREATE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT document::jsonb #>> string_to_array(substr(path, 3), '.') $$;
