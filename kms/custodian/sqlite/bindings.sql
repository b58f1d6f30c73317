CREATE TABLE owner_bindings (
    owner BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL,
    subjects BLOB NOT NULL
) WITHOUT ROWID;
