-- Jobs by plan, segments in any order, files beside the tracks, garbage, the saga.

-- Apart from the versions: a plan may be megabytes, and versions are read often.
CREATE TABLE plans (
    version     TEXT PRIMARY KEY REFERENCES versions (id),
    plan        TEXT NOT NULL           -- JSON
);

ALTER TABLE versions ADD COLUMN duration_secs DOUBLE PRECISION; -- of the plan

-- What was being packaged starts again: plans were of another form. The bytes that
-- belong to no row any more are swept.
DELETE FROM segments WHERE version IN
    (SELECT id FROM versions WHERE state IN ('packaging', 'playable'));
DELETE FROM tracks WHERE version IN
    (SELECT id FROM versions WHERE state IN ('packaging', 'playable'));
UPDATE versions SET plan = NULL, state = 'packaging', started_at = NULL
    WHERE state IN ('packaging', 'playable');
UPDATE versions SET duration_secs = json_extract(plan, '$.duration_secs')
    WHERE plan IS NOT NULL;

-- A row for every track of the plan, from the moment the plan is done. The counts spare
-- every PUT a look at all segments.
CREATE TABLE planned_tracks (
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
INSERT INTO planned_tracks
    SELECT t.version, t.track, t.position, 0,
        coalesce((SELECT p.value FROM json_each(v.plan, '$.tracks') p
                  WHERE json_extract(p.value, '$.track') = t.track), ''),
        0, 0, t.codec, t.timescale, t.init_blob, t.init_len,
        (SELECT count(*) FROM segments s WHERE s.version = t.version AND s.track = t.track),
        (SELECT coalesce(sum(duration), 0) FROM segments s
            WHERE s.version = t.version AND s.track = t.track),
        (SELECT count(*) FROM segments s WHERE s.version = t.version AND s.track = t.track),
        (SELECT coalesce(max(start + duration), 0) FROM segments s
            WHERE s.version = t.version AND s.track = t.track),
        NULL
    FROM tracks t JOIN versions v ON v.id = t.version;
DROP TABLE tracks;
ALTER TABLE planned_tracks RENAME TO tracks;
CREATE INDEX tracks_of_blob ON tracks (init_blob);
ALTER TABLE versions DROP COLUMN plan;

-- Bytes from the segment's start to the end of its first picture; 0: not known.
ALTER TABLE segments ADD COLUMN iframe BIGINT NOT NULL DEFAULT 0;
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

-- states: queued | leased | done | failed | cancelled
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'plan';
ALTER TABLE jobs ADD COLUMN urgency BIGINT NOT NULL DEFAULT 0;    -- lower is sooner
ALTER TABLE jobs ADD COLUMN version_at BIGINT NOT NULL DEFAULT 0; -- the version's created_at
ALTER TABLE jobs ADD COLUMN position BIGINT NOT NULL DEFAULT 0;   -- in the plan
ALTER TABLE jobs ADD COLUMN task TEXT NOT NULL                    -- JSON
    DEFAULT '{"kind":"plan","span":0,"tracks":[],"segments":null,"optional":false}';
ALTER TABLE jobs ADD COLUMN toolchain TEXT NOT NULL DEFAULT '';   -- empty: any
ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';  -- JSON
UPDATE jobs SET state = 'queued', run_at = 0, progress = NULL,
        attempts_max = max(attempts_max, attempt + 1)
    WHERE state IN ('queued', 'leased');
UPDATE jobs SET version_at = (SELECT created_at FROM versions WHERE id = jobs.version);
DROP INDEX jobs_to_run;
CREATE INDEX jobs_to_run ON jobs (state, urgency, version_at, position);
CREATE INDEX jobs_of_version ON jobs (version, state);

-- Blobs that no row names any more; deleted when due, unless a row names them again.
CREATE TABLE garbage (
    blob        TEXT PRIMARY KEY,
    due_at      BIGINT NOT NULL
);
CREATE INDEX garbage_due ON garbage (due_at);

-- What was done and undone for a version, in order.
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
