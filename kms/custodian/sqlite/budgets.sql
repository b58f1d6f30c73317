CREATE TABLE budget_counts (
    name BLOB NOT NULL,
    at INTEGER NOT NULL,
    budget INTEGER NOT NULL,
    until INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (name, at)
) WITHOUT ROWID;
CREATE INDEX budget_counts_by_budget ON budget_counts (budget, at);
CREATE INDEX budget_counts_by_end ON budget_counts (until);
