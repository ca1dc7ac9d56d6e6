package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sidecar/auth"
)

const (
	auditQueue = 1000      // entries that wait to be written
	auditBatch = 100       // entries of one transaction
	trimEvery  = time.Hour // old entries go
	lastWrites = 5 * time.Second

	flushTimeout = time.Second
)

// ErrAuditFull says that an entry was not taken, since too many wait to be written.
var ErrAuditFull = errors.New("too many audit entries wait to be written")

// AuditLog keeps who did what to whose calls. Nobody waits for it: entries are written by Run.
type AuditLog struct {
	db   *DB
	log  *slog.Logger
	keep time.Duration

	queue chan auth.AuditEntry
	wrote *sync.Cond // guards the next
	left  int        // entries that were taken and are not written
}

// NewAuditLog makes the log, which forgets what is older than keep; 0 keeps everything.
func NewAuditLog(db *DB, keep time.Duration, log *slog.Logger) *AuditLog {
	return &AuditLog{
		db: db, log: log, keep: keep, queue: make(chan auth.AuditEntry, auditQueue), wrote: sync.NewCond(&sync.Mutex{}),
	}
}

// Audit takes an entry; it is in the table soon after. What can't be taken is an error in the log too, with all of it.
func (a *AuditLog) Audit(ctx context.Context, actor, action, subject string, detail map[string]string) error {
	e := auth.AuditEntry{Time: time.Now(), Actor: actor, Action: action, Subject: subject, Detail: detail}
	a.count(1)
	select {
	case a.queue <- e:
		return nil
	default:
		a.count(-1)
		a.lost(ctx, []auth.AuditEntry{e}, ErrAuditFull)
		return ErrAuditFull
	}
}

// Run writes entries until ctx ends, and then what still waits.
func (a *AuditLog) Run(ctx context.Context) {
	trim := time.NewTicker(trimEvery)
	defer trim.Stop()
	a.trim(ctx)
	for {
		select {
		case e := <-a.queue:
			a.write(ctx, a.batch(e))
		case <-trim.C:
			a.trim(ctx)
		case <-ctx.Done():
			a.drain(ctx)
			return
		}
	}
}

func (a *AuditLog) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer cancel()
	for {
		select {
		case e := <-a.queue:
			a.write(ctx, a.batch(e))
		default:
			return
		}
	}
}

// batch adds to e what else waits: a transaction costs a write to the disk, however many entries it has.
func (a *AuditLog) batch(e auth.AuditEntry) []auth.AuditEntry {
	list := []auth.AuditEntry{e}
	for len(list) < auditBatch {
		select {
		case e := <-a.queue:
			list = append(list, e)
		default:
			return list
		}
	}
	return list
}

// write finishes a batch also when ctx ends meanwhile.
func (a *AuditLog) write(ctx context.Context, list []auth.AuditEntry) {
	defer a.count(-len(list))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer cancel()
	err := a.db.inTx(ctx, func(tx *sql.Tx) error {
		for _, e := range list {
			detail, err := json.Marshal(e.Detail)
			if err != nil {
				return err
			}
			if e.Detail == nil {
				detail = []byte("{}")
			}
			_, err = tx.ExecContext(ctx, "INSERT INTO audit (time, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
				e.Time.UnixMilli(), e.Actor, e.Action, e.Subject, string(detail))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.lost(ctx, list, err)
	}
}

// lost puts what the table did not get where it is not lost.
func (a *AuditLog) lost(ctx context.Context, list []auth.AuditEntry, err error) {
	for _, e := range list {
		a.log.ErrorContext(ctx, "audit_not_written", "time", e.Time, "actor", e.Actor, "action", e.Action, "subject", e.Subject, "detail", e.Detail, "error", err)
	}
}

func (a *AuditLog) trim(ctx context.Context) {
	if a.keep == 0 {
		return
	}
	oldest := time.Now().Add(-a.keep).UnixMilli()
	if _, err := a.db.sql.ExecContext(ctx, "DELETE FROM audit WHERE time < ?", oldest); err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "audit_not_trimmed", "error", err)
	}
}

func (a *AuditLog) count(n int) {
	a.wrote.L.Lock()
	defer a.wrote.L.Unlock()
	if a.left += n; a.left == 0 {
		a.wrote.Broadcast()
	}
}

// flush waits until everything that was taken has been written, or lost.
func (a *AuditLog) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		a.wrote.L.Lock()
		defer a.wrote.L.Unlock()
		a.wrote.Broadcast()
	})
	defer stop()
	a.wrote.L.Lock()
	defer a.wrote.L.Unlock()
	for a.left > 0 && ctx.Err() == nil {
		a.wrote.Wait()
	}
}

// Entries gives the newest first. It waits a moment for those that are being written, so that who acts sees it at once.
func (a *AuditLog) Entries(ctx context.Context, q auth.AuditQuery) ([]auth.AuditEntry, error) {
	a.flush(ctx)
	query, args := "SELECT id, time, actor, action, subject, detail FROM audit WHERE true", []any{}
	if q.Before > 0 {
		query += " AND id < ?"
		args = append(args, q.Before)
	}
	if q.Actors != nil {
		query += " AND actor IN (" + strings.Join(slices.Repeat([]string{"?"}, len(q.Actors)), ", ") + ")"
		for _, actor := range q.Actors {
			args = append(args, actor)
		}
	}
	rows, err := a.db.sql.QueryContext(ctx, query+" ORDER BY id DESC LIMIT ?", append(args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err tells what went wrong
	var list []auth.AuditEntry
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return list, nil
}

func scanEntry(rows *sql.Rows) (auth.AuditEntry, error) {
	var e auth.AuditEntry
	var at int64
	var detail []byte
	if err := rows.Scan(&e.ID, &at, &e.Actor, &e.Action, &e.Subject, &detail); err != nil {
		return e, fmt.Errorf("read the audit: %w", err)
	}
	if err := json.Unmarshal(detail, &e.Detail); err != nil {
		return e, fmt.Errorf("read audit entry %d: %w", e.ID, err)
	}
	e.Time = time.UnixMilli(at)
	return e, nil
}
