-- Keys that sign keys, uses of keys that upload, and what was done with either.

-- One that signs, others that will or did. Times are Unix milliseconds.
CREATE TABLE signing_keys (
    kid         TEXT PRIMARY KEY,
    jwk         TEXT NOT NULL,          -- the public half: JSON
    seed        TEXT,                   -- the secret: 64 hexadecimal digits; NULL: it signs no more
    created_at  BIGINT NOT NULL,
    signs_from  BIGINT NOT NULL         -- until another's time has come
);

-- How many uploads keys began that may begin a few.
CREATE TABLE key_uses (
    jti         TEXT PRIMARY KEY,
    uses        BIGINT NOT NULL,
    forget_at   BIGINT NOT NULL         -- the key has ended then
);
CREATE INDEX key_uses_to_forget ON key_uses (forget_at);
ALTER TABLE uploads ADD COLUMN made_by TEXT;    -- jti of the key that alone goes on; NULL: any

-- What was done, by whom. Rows are added, and dropped when they are old; none is changed.
CREATE TABLE audit (
    number      BIGINT PRIMARY KEY,     -- in the order of their transactions
    at          BIGINT NOT NULL,
    who         TEXT NOT NULL,          -- admin | open | key <jti>
    what        TEXT NOT NULL,
    target      TEXT NOT NULL,
    peer        TEXT NOT NULL,          -- address; empty: not known
    result      TEXT NOT NULL           -- done | refused
);
CREATE INDEX audit_of_what ON audit (what, number);
CREATE INDEX audit_to_drop ON audit (at);
-- One row: the newest number.
CREATE TABLE audit_head (number BIGINT NOT NULL);
INSERT INTO audit_head VALUES (0);
