DROP INDEX history_by_outcome;
DROP INDEX history_by_purpose;
DROP INDEX history_by_principal;
DROP INDEX history_by_approver;
CREATE INDEX history_by_outcome ON history (outcome, at);
CREATE INDEX history_by_purpose ON history (purpose, at);
CREATE INDEX history_by_principal ON history (principal, at);
CREATE INDEX history_by_approver ON history (approver, at) WHERE approver != x'';
