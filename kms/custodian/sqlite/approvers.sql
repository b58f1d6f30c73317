CREATE TABLE approver_entries (position INTEGER PRIMARY KEY, entry BLOB NOT NULL);

CREATE TABLE approver_words (
    subject BLOB NOT NULL,
    approver BLOB NOT NULL,
    word BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (subject, approver)
) WITHOUT ROWID;

CREATE TABLE passkey_counts (thumbprint BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE approver_answers (
    request BLOB NOT NULL,
    approver BLOB NOT NULL,
    word BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (request, approver)
) WITHOUT ROWID;
