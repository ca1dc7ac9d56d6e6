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

	mu   sync.Mutex
	file *os.File
	size int64
	full int64 // size at which it is compacted next
	live map[string]json.RawMessage
}

// entry is a line of the file; a null record is the end of its key.
type entry struct {
	Key    string          `json:"key"`
	Record json.RawMessage `json:"record"`
}

// OpenJournal reads the journal at path, or makes an empty one, and compacts it. A line cut short by a crash
// is dropped when it is the last; a broken line before that is an error.
func OpenJournal[T any](path string, log *slog.Logger) (*Journal[T], error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("journal directory: %w", err)
	}
	j := &Journal[T]{path: path, log: log, live: map[string]json.RawMessage{}}
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

// compact writes a file with the living records, then takes the place of the old one.
func (j *Journal[T]) compact() error {
	next, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("compact journal: %w", err)
	}
	var size int64
	out := bufio.NewWriter(next)
	for key, record := range j.live {
		n, err := writeEntry(out, entry{Key: key, Record: record})
		if err != nil {
			_ = next.Close()
			return fmt.Errorf("compact journal: %w", err)
		}
		size += int64(n)
	}
	if err := errors.Join(out.Flush(), next.Sync(), os.Rename(j.path+".new", j.path)); err != nil {
		_ = next.Close()
		return fmt.Errorf("compact journal: %w", err)
	}
	if j.file != nil {
		_ = j.file.Close()
	}
	j.file, j.size = next, size
	j.full = max(compactAfter, 2*size)
	return nil
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
	n, err := writeEntry(j.file, e)
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	j.size += int64(n)
	if e.Record == nil {
		delete(j.live, e.Key)
	} else {
		j.live[e.Key] = e.Record
	}
	if j.size > j.full {
		return j.compact()
	}
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
