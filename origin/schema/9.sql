-- Uploads that go to the bucket by presigned parts, and whose the bucket is.

ALTER TABLE uploads ADD COLUMN parts TEXT;      -- the bucket's own id of it; NULL: it comes to the origin
ALTER TABLE uploads ADD COLUMN part_len BIGINT NOT NULL DEFAULT 0;  -- bytes of each part but the last
CREATE INDEX uploads_of_parts ON uploads (parts);

-- One row, once there is a bucket: by that name the bucket knows this catalogue.
CREATE TABLE store_owner (
    row_number  BIGINT PRIMARY KEY,     -- 1
    name        TEXT NOT NULL
);
