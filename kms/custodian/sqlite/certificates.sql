CREATE TABLE certificates (
    id INTEGER PRIMARY KEY,
    request BLOB NOT NULL,
    at INTEGER NOT NULL,
    certificate BLOB NOT NULL
);
CREATE INDEX certificates_by_request ON certificates (request);
