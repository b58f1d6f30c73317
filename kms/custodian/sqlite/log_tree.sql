CREATE TABLE log_roots (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    root BLOB NOT NULL,
    PRIMARY KEY (level, number)
) WITHOUT ROWID;

ALTER TABLE log DROP COLUMN hash;
