-- Uploads of a length not known yet, and uploads of parts that are joined.

ALTER TABLE uploads ADD COLUMN deferred BIGINT NOT NULL DEFAULT 0;  -- 1: length is the most allowed
ALTER TABLE uploads ADD COLUMN concat TEXT;     -- Upload-Concat; NULL: neither a part nor joined
CREATE INDEX uploads_of_concat ON uploads (concat);
