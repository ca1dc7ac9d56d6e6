-- +goose Up
-- What outlives a restart of the DNs on which something is other than at first.
CREATE TABLE agents (
    dn            TEXT    PRIMARY KEY,
    agent_id      TEXT    NOT NULL, -- empty: nobody
    state         TEXT    NOT NULL CHECK (state IN ('LoggedOut', 'NotReady', 'Ready', 'AfterCallWork')),
    login_mode    TEXT    NOT NULL,
    work_mode     TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    since         INTEGER NOT NULL, -- milliseconds since 1970, as are the others; 0: none
    until         INTEGER NOT NULL,
    dnd           INTEGER NOT NULL CHECK (dnd IN (0, 1)),
    forward       TEXT    NOT NULL,
    last_call_end INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE agents;
