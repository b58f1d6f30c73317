CREATE TABLE untold (
    subject BLOB PRIMARY KEY,
    kind INTEGER NOT NULL,
    principal BLOB NOT NULL,
    outcome TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX untold_by_principal ON untold (principal, kind);
