CREATE TABLE consent_receipts (statement BLOB PRIMARY KEY, receipt BLOB NOT NULL) WITHOUT ROWID;
