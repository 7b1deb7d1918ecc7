-- What was revoked: one key, or all of a subject, an asset or a signing key.

CREATE TABLE revocations (
    what          TEXT NOT NULL,        -- jti | subject | asset | signer
    name          TEXT NOT NULL,
    issued_before BIGINT NOT NULL,      -- Unix seconds; of a jti, for ever
    forget_at     BIGINT NOT NULL,      -- none of these keys lives then
    PRIMARY KEY (what, name)
);
CREATE INDEX revocations_to_forget ON revocations (forget_at);
INSERT INTO revocations
    SELECT 'jti', jti, 9223372036854775807, forget_at FROM revoked_keys;

-- One row: grows with each change that edges must hear of.
CREATE TABLE key_revision (revision BIGINT NOT NULL);
INSERT INTO key_revision SELECT coalesce(max(revision), 0) + 1 FROM revoked_keys;
DROP TABLE revoked_keys;
