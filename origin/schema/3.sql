-- Versions that another has taken the place of.

ALTER TABLE versions ADD COLUMN retire_at BIGINT;   -- gone from then on; NULL: never
CREATE INDEX versions_to_retire ON versions (retire_at) WHERE retire_at IS NOT NULL;
