package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"sidecar/agent"
)

// Agents gives the records of all DNs that have one, by number.
func (db *DB) Agents(ctx context.Context) ([]agent.Record, error) {
	rows, err := db.sql.QueryContext(ctx, `SELECT dn, agent_id, state, login_mode, work_mode, reason, since, until, dnd, forward, last_call_end
		FROM agents ORDER BY dn`)
	if err != nil {
		return nil, fmt.Errorf("read the agents: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err tells what went wrong
	var list []agent.Record
	for rows.Next() {
		var r agent.Record
		var since, until, end int64
		err = rows.Scan(&r.DN, &r.Agent.AgentID, &r.Agent.State, &r.Agent.Login, &r.Agent.Mode, &r.Agent.Reason, &since, &until, &r.DND, &r.Forward, &end)
		if err != nil {
			return nil, fmt.Errorf("read an agent: %w", err)
		}
		r.Agent.Since, r.Agent.Until, r.LastCallEnd = timeOf(since), timeOf(until), timeOf(end)
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the agents: %w", err)
	}
	return list, nil
}

// SaveAgents writes the records in one transaction.
func (db *DB) SaveAgents(ctx context.Context, list []agent.Record) error {
	return db.inTx(ctx, func(tx *sql.Tx) error {
		for i := range list {
			r := &list[i]
			_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO agents
				(dn, agent_id, state, login_mode, work_mode, reason, since, until, dnd, forward, last_call_end)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				r.DN, r.Agent.AgentID, string(r.Agent.State), string(r.Agent.Login), string(r.Agent.Mode), r.Agent.Reason,
				millis(r.Agent.Since), millis(r.Agent.Until), r.DND, r.Forward, millis(r.LastCallEnd))
			if err != nil {
				return fmt.Errorf("write the agent of DN %s: %w", r.DN, err)
			}
		}
		return nil
	})
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
