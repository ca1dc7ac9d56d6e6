-- +goose Up
CREATE TABLE teams (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE
) STRICT;

-- AUTOINCREMENT: an id in a token must never come to mean another user.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    display_name  TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('agent', 'supervisor', 'admin')),
    team_id       INTEGER REFERENCES teams (id),
    password_hash TEXT    NOT NULL,
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    version       INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL, -- milliseconds since 1970
    changed_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_team ON users (team_id);

CREATE TABLE user_dns (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    dn      TEXT    NOT NULL,
    PRIMARY KEY (user_id, dn)
) STRICT, WITHOUT ROWID;

CREATE TABLE revoked_tokens (
    id         TEXT    PRIMARY KEY,
    expires_at INTEGER NOT NULL -- milliseconds since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

-- +goose Down
DROP TABLE revoked_tokens;
DROP TABLE user_dns;
DROP TABLE users;
DROP TABLE teams;
