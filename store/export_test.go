package store

import (
	"context"
	"io"
	"log/slog"
)

// JournalFile is what a journal does with its file.
type JournalFile interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// OpenJournalOn opens a journal whose files pass through wrap.
func OpenJournalOn[T any](path string, wrap func(JournalFile) JournalFile, log *slog.Logger) (*Journal[T], error) {
	return openJournal[T](path, func(path string) (journalFile, error) {
		file, err := openOnDisk(path)
		if err != nil {
			return nil, err
		}
		return wrap(file), nil
	}, log)
}

// ExecForTest runs a statement on the database of an audit log.
func ExecForTest(ctx context.Context, a *AuditLog, query string) error {
	_, err := a.db.sql.ExecContext(ctx, query)
	return err
}
