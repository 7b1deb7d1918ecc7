-- Versions whose first segments edges fetch before anyone asks for them.

CREATE TABLE warming (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,     -- edges hold it as their offset
    version  TEXT NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    since    BIGINT NOT NULL,                       -- Unix time, ms
    done     BIGINT NOT NULL                        -- 1: its step of the saga has ended
);
CREATE INDEX warming_of_version ON warming (version);
