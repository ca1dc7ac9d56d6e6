package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sidecar/webhook"
)

const setCursor = "INSERT INTO webhook_cursors (target, cursor) VALUES (?, ?) ON CONFLICT (target) DO UPDATE SET cursor = excluded.cursor"

// WebhookCursor gives where a webhook's target is in the feed, empty when it has never been told anything.
func (db *DB) WebhookCursor(ctx context.Context, target string) (string, error) {
	var cursor string
	err := db.sql.QueryRowContext(ctx, "SELECT cursor FROM webhook_cursors WHERE target = ?", target).Scan(&cursor)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read a webhook's cursor: %w", err)
	}
	return cursor, nil
}

// SetWebhookCursor keeps it.
func (db *DB) SetWebhookCursor(ctx context.Context, target, cursor string) error {
	if _, err := db.sql.ExecContext(ctx, setCursor, target, cursor); err != nil {
		return fmt.Errorf("keep a webhook's cursor: %w", err)
	}
	return nil
}

// AddDeadLetter keeps a dead letter and, unless it is empty, the cursor behind it.
func (db *DB) AddDeadLetter(ctx context.Context, d webhook.DeadLetter, cursor string) error {
	err := db.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			"INSERT INTO webhook_dead_letters (target, message_id, time, events, attempts, reason, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
			d.Target, d.MessageID, d.At.UnixMilli(), d.Events, d.Attempts, d.Reason, d.Body)
		if err == nil && cursor != "" {
			_, err = tx.ExecContext(ctx, setCursor, d.Target, cursor)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a dead letter: %w", err)
	}
	return nil
}

const letterColumns = "SELECT id, target, message_id, time, events, attempts, reason"

// DeadLetters gives the newest first, without their bodies.
func (db *DB) DeadLetters(ctx context.Context, q webhook.DeadLetterQuery) ([]webhook.DeadLetter, error) {
	query, args := letterColumns+", x'' FROM webhook_dead_letters WHERE target = ?", []any{q.Target}
	if q.Before > 0 {
		query += " AND id < ?"
		args = append(args, q.Before)
	}
	rows, err := db.sql.QueryContext(ctx, query+" ORDER BY id DESC LIMIT ?", append(args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err tells what went wrong
	var list []webhook.DeadLetter
	for rows.Next() {
		d, bad := scanLetter(rows)
		if bad != nil {
			return nil, bad
		}
		list = append(list, d)
	}
	if err = rows.Err(); err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return list, nil
}

// DeadLetter gives one with its body. It fails with webhook.ErrNoDeadLetter.
func (db *DB) DeadLetter(ctx context.Context, target string, id int64) (webhook.DeadLetter, error) {
	return scanLetter(db.sql.QueryRowContext(ctx, letterColumns+", body FROM webhook_dead_letters WHERE target = ? AND id = ?", target, id))
}

func scanLetter(row interface{ Scan(into ...any) error }) (webhook.DeadLetter, error) {
	var d webhook.DeadLetter
	var at int64
	err := row.Scan(&d.ID, &d.Target, &d.MessageID, &at, &d.Events, &d.Attempts, &d.Reason, &d.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return d, webhook.ErrNoDeadLetter
	}
	if err != nil {
		return d, fmt.Errorf("read a dead letter: %w", err)
	}
	d.At = time.UnixMilli(at)
	return d, nil
}

// RemoveDeadLetter forgets one. It fails with webhook.ErrNoDeadLetter.
func (db *DB) RemoveDeadLetter(ctx context.Context, target string, id int64) error {
	done, err := db.sql.ExecContext(ctx, "DELETE FROM webhook_dead_letters WHERE target = ? AND id = ?", target, id)
	if err != nil {
		return fmt.Errorf("remove a dead letter: %w", err)
	}
	if n, err := done.RowsAffected(); err == nil && n == 0 {
		return webhook.ErrNoDeadLetter
	}
	return nil
}

// CountDeadLetters counts those of a target.
func (db *DB) CountDeadLetters(ctx context.Context, target string) (n int, err error) {
	if err = db.sql.QueryRowContext(ctx, "SELECT count(*) FROM webhook_dead_letters WHERE target = ?", target).Scan(&n); err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}

// TrimDeadLetters forgets those from before.
func (db *DB) TrimDeadLetters(ctx context.Context, before time.Time) error {
	if _, err := db.sql.ExecContext(ctx, "DELETE FROM webhook_dead_letters WHERE time < ?", before.UnixMilli()); err != nil {
		return fmt.Errorf("trim dead letters: %w", err)
	}
	return nil
}
