CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    request BLOB NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    categories BLOB NOT NULL,
    purpose INTEGER NOT NULL,
    principal BLOB NOT NULL,
    approver BLOB NOT NULL,
    seconds INTEGER NOT NULL
);
CREATE INDEX history_by_time ON history (at);
CREATE INDEX history_by_outcome ON history (outcome);
CREATE INDEX history_by_purpose ON history (purpose);
CREATE INDEX history_by_principal ON history (principal);
CREATE INDEX history_by_approver ON history (approver) WHERE approver != x'';
CREATE INDEX history_by_request ON history (request);

CREATE TABLE history_hours (
    hour INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    decisions INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    PRIMARY KEY (hour, outcome)
) WITHOUT ROWID;
