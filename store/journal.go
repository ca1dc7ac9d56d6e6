package store

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// compactAfter is the size in bytes from which the journal is written anew with the living records only.
const compactAfter = 8 << 20

// ErrJournalClosed says that the journal takes no more records.
var ErrJournalClosed = errors.New("journal is closed")

// Journal keeps the latest record of each key through a restart: an append-only file of one JSON object a line.
//
// A record that Put has returned from is with the operating system: it survives kill -9 of this process. It is
// not forced to the disk, so the last seconds may be missing after a power failure.
type Journal[T any] struct {
	path string
	log  *slog.Logger
	open openFile

	mu   sync.Mutex
	file journalFile
	size int64 // of the whole lines
	torn bool  // half a line may stand after them
	full int64 // size at which it is compacted next
	live map[string]json.RawMessage
}

// journalFile is what a journal does with its file.
type journalFile interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// openFile makes an empty file that is appended to.
type openFile func(path string) (journalFile, error)

func openOnDisk(path string) (journalFile, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // the journal's own path
}

// entry is a line of the file; a null record is the end of its key.
type entry struct {
	Key    string          `json:"key"`
	Record json.RawMessage `json:"record"`
}

// OpenJournal reads the journal at path, or makes an empty one, and compacts it. A line cut short by a crash
// is dropped when it is the last; a broken line before that is an error.
func OpenJournal[T any](path string, log *slog.Logger) (*Journal[T], error) {
	return openJournal[T](path, openOnDisk, log)
}

func openJournal[T any](path string, open openFile, log *slog.Logger) (*Journal[T], error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("journal directory: %w", err)
	}
	j := &Journal[T]{path: path, log: log, open: open, live: map[string]json.RawMessage{}}
	if err := j.read(); err != nil {
		return nil, err
	}
	if err := j.compact(); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *Journal[T]) read() error {
	file, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer func() { _ = file.Close() }()
	reader := bufio.NewReader(file)
	for line := 1; ; line++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(text) > 0 {
				j.log.Warn("journal_tail_dropped", "path", j.path, "line", line)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("journal %s line %d is broken (move the file away to start without its calls): %w", j.path, line, err)
		}
		if string(e.Record) == "null" || e.Record == nil {
			delete(j.live, e.Key)
		} else {
			j.live[e.Key] = e.Record
		}
	}
}

// compact writes a file with the living records, then takes the place of the old one. When that fails the old one
// stays as it was.
func (j *Journal[T]) compact() error {
	path := j.path + ".new"
	next, err := j.open(path)
	if err != nil {
		return fmt.Errorf("compact journal: %w", err)
	}
	size, err := j.writeLiving(next)
	if err == nil {
		err = os.Rename(path, j.path)
	}
	if err != nil {
		_ = next.Close()
		_ = os.Remove(path)
		return fmt.Errorf("compact journal: %w", err)
	}
	if j.file != nil {
		_ = j.file.Close()
	}
	j.file, j.size, j.torn = next, size, false
	j.full = max(compactAfter, 2*size)
	return nil
}

func (j *Journal[T]) writeLiving(file journalFile) (size int64, err error) {
	out := bufio.NewWriter(file)
	for key, record := range j.live {
		n, err := writeEntry(out, entry{Key: key, Record: record})
		if err != nil {
			return 0, err
		}
		size += int64(n)
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	return size, file.Sync()
}

func writeEntry(w io.Writer, e entry) (int, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	return w.Write(append(line, '\n'))
}

// Put makes record the latest of key.
func (j *Journal[T]) Put(key string, record T) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("journal %s: %w", key, err)
	}
	return j.append(entry{Key: key, Record: raw})
}

// Delete ends a key.
func (j *Journal[T]) Delete(key string) error { return j.append(entry{Key: key}) }

func (j *Journal[T]) append(e entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return ErrJournalClosed
	}
	if err := j.mend(); err != nil {
		return err
	}
	n, err := writeEntry(j.file, e)
	if err != nil {
		j.torn = true
		return errors.Join(fmt.Errorf("append to journal: %w", err), j.mend())
	}
	j.size += int64(n)
	if e.Record == nil {
		delete(j.live, e.Key)
	} else {
		j.live[e.Key] = e.Record
	}
	if j.size > j.full {
		j.compactLater(j.compact())
	}
	return nil
}

// compactLater takes a failed compaction, which is no reason to refuse a record: the file grows on.
func (j *Journal[T]) compactLater(err error) {
	if err != nil {
		j.log.Warn("journal_not_compacted", "path", j.path, "bytes", j.size, "error", err)
		j.full = j.size + compactAfter
	}
}

// mend cuts off the half line that a full disk has left: the next record would be written behind it, and the journal
// could no longer be read. As long as that fails nothing may be written.
func (j *Journal[T]) mend() error {
	if !j.torn {
		return nil
	}
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("mend journal: %w", err)
	}
	j.torn = false
	return nil
}

// All gives the latest record of every living key.
func (j *Journal[T]) All() ([]T, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]T, 0, len(j.live))
	for key, raw := range j.live {
		var record T
		if err := json.Unmarshal(raw, &record); err != nil {
			return nil, fmt.Errorf("journal record %s: %w", key, err)
		}
		list = append(list, record)
	}
	return list, nil
}

// Close ends the journal; the records stay.
func (j *Journal[T]) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
