package store

import (
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
