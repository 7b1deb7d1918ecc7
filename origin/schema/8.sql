-- What operators say of assets, and how soon they are made.

ALTER TABLE assets ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;    -- -1 high | 0 normal | 1 low
ALTER TABLE assets ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';   -- JSON object
ALTER TABLE assets ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;    -- grows with each edit
CREATE INDEX assets_by_age ON assets (created_at, id);

CREATE TABLE asset_tags (
    asset       TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    tag         TEXT NOT NULL,          -- in lower case
    PRIMARY KEY (asset, tag)
);
CREATE INDEX asset_tags_by_tag ON asset_tags (tag);

-- Of a version that failed: its source, which is garbage, and there for a retry until then.
ALTER TABLE versions ADD COLUMN source_was TEXT;

-- Jobs that gave up are listed; what is done or waits has other ways in.
CREATE INDEX jobs_given_up ON jobs (version_at, position, id) WHERE state = 'failed';

-- Requests that named an Idempotency-Key and took effect, with their answers.
CREATE TABLE idempotent_answers (
    idempotency_key TEXT PRIMARY KEY,   -- SHA-256 of it
    request     TEXT NOT NULL,          -- SHA-256 of method, path and body
    status      BIGINT NOT NULL,
    body        TEXT NOT NULL,          -- JSON; never a key
    forget_at   BIGINT NOT NULL
);
CREATE INDEX idempotent_answers_to_forget ON idempotent_answers (forget_at);
