-- What workers do outside of the fleet: fetching what a URL names, and calling webhooks.

CREATE TABLE errands (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,         -- fetch | deliver
    queue        TEXT NOT NULL,         -- of each one is lent at a time: its webhook, or itself
    position     BIGINT NOT NULL,       -- among those that were queued at one time
    state        TEXT NOT NULL,         -- queued | leased | done | failed | cancelled
    attempt      BIGINT NOT NULL,       -- the fencing token
    attempts_max BIGINT NOT NULL,
    run_at       BIGINT NOT NULL,
    lease_until  BIGINT NOT NULL,
    give_up_at   BIGINT NOT NULL,       -- no attempt begins from then on
    worker       TEXT,
    reason       TEXT,                  -- of the last failed attempt
    created_at   BIGINT NOT NULL,
    ended_at     BIGINT
);
CREATE INDEX errands_to_run ON errands (state, run_at);
CREATE INDEX errands_of_queue ON errands (queue, state);
CREATE INDEX errands_ended ON errands (ended_at);

-- Uploads that a worker sends, of what a URL names.
CREATE TABLE fetches (
    errand      TEXT PRIMARY KEY REFERENCES errands (id),
    url         TEXT NOT NULL,          -- its query may be secret
    title       TEXT NOT NULL,
    upload      TEXT NOT NULL,          -- one of uploads, until that is forgotten
    source      TEXT,                   -- JSON: what is being read there, once it is known
    asset       TEXT                    -- that it became
);
CREATE INDEX fetches_of_upload ON fetches (upload);

CREATE TABLE webhooks (
    id            TEXT PRIMARY KEY,
    url           TEXT NOT NULL,        -- all of it may be secret
    events        TEXT NOT NULL,        -- JSON: kinds; none: all
    secret        TEXT NOT NULL,        -- whsec_…
    created_at    BIGINT NOT NULL,
    failing_since BIGINT,               -- no attempt was a success from then on
    disabled_at   BIGINT,
    disabled_why  TEXT
);

-- The outbox: written in the transaction that makes an event true.
CREATE TABLE webhook_events (
    number      BIGINT PRIMARY KEY,     -- in the order of commits
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    at          BIGINT NOT NULL,
    payload     TEXT NOT NULL           -- JSON, as it is sent
);

CREATE TABLE deliveries (
    errand      TEXT PRIMARY KEY REFERENCES errands (id),
    webhook     TEXT NOT NULL REFERENCES webhooks (id),
    event       BIGINT NOT NULL REFERENCES webhook_events (number),
    status      BIGINT                  -- of the last answer, if there was one
);
CREATE INDEX deliveries_of_webhook ON deliveries (webhook, event);
CREATE INDEX deliveries_of_event ON deliveries (event);
