-- +goose Up
CREATE TABLE webhook_cursors (
    target TEXT PRIMARY KEY, -- name of the webhook in the settings
    cursor TEXT NOT NULL     -- of the feed, up to where the target has been told
) STRICT;
CREATE TABLE webhook_dead_letters (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    target     TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    time       INTEGER NOT NULL, -- when it was given up, milliseconds since 1970
    events     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    body       BLOB    NOT NULL
) STRICT;
CREATE INDEX webhook_dead_letters_target ON webhook_dead_letters (target, id);
CREATE INDEX webhook_dead_letters_time ON webhook_dead_letters (time);

-- +goose Down
DROP TABLE webhook_dead_letters;
DROP TABLE webhook_cursors;
