-- +goose Up
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, also when the newest entries are gone
    time    INTEGER NOT NULL,                  -- milliseconds since 1970
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT    NOT NULL                   -- JSON object of texts
) STRICT;
CREATE INDEX audit_time ON audit (time);
CREATE INDEX audit_actor ON audit (actor, id);

-- Entries are added and, when they are old, removed; nobody changes one.
-- +goose StatementBegin
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an audit entry is never changed');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
