CREATE TABLE owner_details (
    id INTEGER PRIMARY KEY,
    tag BLOB NOT NULL,
    log_index INTEGER NOT NULL,
    at INTEGER NOT NULL,
    sealed BLOB NOT NULL
);
CREATE UNIQUE INDEX owner_details_by_owner ON owner_details (tag, log_index);
