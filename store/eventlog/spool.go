package eventlog

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"sidecar/bridge"
	"sidecar/cti"
)

// Spool keeps events while the log does not take them: a file of one JSON object a line. It implements cti.Spool, and is
// used by one goroutine.
//
// What Put has returned from survives the end of the process, not the loss of power. What was dropped shows again after
// the end of the process, unless all was: whoever empties the spool looks up how far it has come.
type Spool struct {
	limit int64
	node  string
	log   *slog.Logger
	file  *os.File
	begin int64   // of the oldest that was not dropped
	end   int64   // of the file
	sizes []int64 // of those that were not dropped
	aside string  // the copy of a damaged file, until it is mended
}

// spooled is a line of the file.
type spooled struct {
	ID       string          `json:"id"`
	Mark     string          `json:"mark"`
	Node     string          `json:"node"`
	Kind     cti.RecordKind  `json:"kind"`
	DN       bridge.DN       `json:"dn,omitempty"`
	Audience []bridge.DN     `json:"audience,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
	Again    time.Time       `json:"again,omitzero"`
}

// OpenSpool opens the spool of a node at path, or makes an empty one. A line that was cut short by a crash is dropped when it is
// the last. What begins with a broken line before that is set aside, and a gap stands for it: calls don't wait for somebody who
// mends a file of events.
func OpenSpool(path string, limit int64, node string, log *slog.Logger) (*Spool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("spool directory: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // a file of our own data directory
	if err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	s := &Spool{limit: limit, node: node, log: log, file: file}
	tail, err := s.load()
	if errors.Is(err, ErrSpool) {
		_, err = s.cut(len(s.sizes), err)
	} else {
		if tail {
			log.Warn("spool_tail_dropped", "path", path)
		}
		err = file.Truncate(s.end)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the spool: %w", err), file.Close())
	}
	return s, nil
}

// load finds the lines that are there, up to a broken one: then it fails with ErrSpool. It says whether the last was cut short.
func (s *Spool) load() (tail bool, err error) {
	reader := bufio.NewReader(s.file)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return len(line) > 0, nil
		}
		if err == nil {
			_, err = decodeSpooled(line)
		}
		if err != nil {
			return false, err
		}
		s.sizes = append(s.sizes, int64(len(line)))
		s.end += int64(len(line))
	}
}

// cut keeps so many of the oldest, and sets aside the file whose next line is broken: a gap, which it gives, stands for what was
// behind. After an error it is to be tried again.
func (s *Spool) cut(kept int, broken error) (cti.Record, error) {
	var err error
	if s.aside == "" {
		s.aside, err = setAside(s.file)
		s.log.Error("spool is damaged: the events behind the broken line are left out, clients will start over",
			"path", s.file.Name(), "kept", kept, "set_aside", s.aside, "error", errors.Join(broken, err))
	}
	end, sizes, limit := s.end, s.sizes, s.limit
	s.sizes, s.end = sizes[:kept:kept], s.begin
	for _, size := range s.sizes {
		s.end += size
	}
	gap := cti.NewGap(s.node)
	s.limit = math.MaxInt64 // it is owed
	err = s.Put([]cti.Record{gap})
	s.limit = limit
	if err == nil {
		err = s.file.Truncate(s.end)
	}
	if err != nil {
		s.sizes, s.end = sizes, end
		return gap, err
	}
	s.aside = ""
	return gap, nil
}

// setAside copies the file beside itself. The original stays in its place, so that a crash in between changes nothing.
func setAside(file *os.File) (aside string, err error) {
	aside = file.Name() + ".bad-" + time.Now().UTC().Format("20060102T150405.000Z")
	to, err := os.OpenFile(aside, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // beside a file of our own data directory
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(to, io.NewSectionReader(file, 0, math.MaxInt64)); err != nil {
		return "", errors.Join(err, to.Close(), os.Remove(aside)) // the disk may be full, and half a file helps nobody
	}
	return aside, to.Close()
}

func decodeSpooled(line []byte) (cti.Record, error) {
	var r spooled
	if err := json.Unmarshal(line, &r); err != nil {
		return cti.Record{}, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	// The log would never take what has no good subject, and all that follows would wait behind it.
	if r.ID == "" || !isName(r.Node) || !isKind(r.Kind) {
		return cti.Record{}, fmt.Errorf("%w: no id, or the node %q or the kind %q is none", ErrSpool, r.Node, r.Kind)
	}
	return cti.Record{ID: r.ID, Mark: r.Mark, Node: r.Node, Kind: r.Kind, DN: r.DN, Audience: r.Audience, Data: r.Data, Again: r.Again}, nil
}

// Put implements cti.Spool.
func (s *Spool) Put(records []cti.Record) error {
	var text []byte
	sizes := make([]int64, 0, len(records))
	for i := range records {
		r := &records[i]
		line, err := json.Marshal(spooled{
			ID: r.ID, Mark: r.Mark, Node: r.Node, Kind: r.Kind, DN: r.DN, Audience: r.Audience, Data: r.Data, Again: r.Again,
		})
		if err != nil {
			return fmt.Errorf("spool event %s: %w", r.ID, err)
		}
		text = append(append(text, line...), '\n')
		sizes = append(sizes, int64(len(line)+1))
	}
	if s.end-s.begin+int64(len(text)) > s.limit {
		return fmt.Errorf("%w: %d bytes are there, and %d allowed", cti.ErrSpoolFull, s.end-s.begin, s.limit)
	}
	if _, err := s.file.WriteAt(text, s.end); err != nil {
		// What was written of it lies behind the end, and is written over.
		return errors.Join(fmt.Errorf("spool: %w", err), s.file.Truncate(s.end))
	}
	s.end += int64(len(text))
	s.sizes = append(s.sizes, sizes...)
	return nil
}

// Peek implements cti.Spool. What can't be read any more is left out as at the start.
func (s *Spool) Peek(limit int) ([]cti.Record, error) {
	n := min(limit, len(s.sizes))
	records := make([]cti.Record, 0, n)
	at := s.begin
	for _, size := range s.sizes[:n] {
		line := make([]byte, size)
		_, err := s.file.ReadAt(line, at)
		var r cti.Record
		if err == nil {
			r, err = decodeSpooled(line)
		}
		if err != nil {
			if r, err = s.cut(len(records), err); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrSpool, err)
			}
			return append(records, r), nil
		}
		records = append(records, r)
		at += size
	}
	return records, nil
}

// Drop implements cti.Spool.
func (s *Spool) Drop(n int) error {
	for _, size := range s.sizes[:n] {
		s.begin += size
	}
	s.sizes = s.sizes[n:]
	if len(s.sizes) > 0 {
		return nil
	}
	s.begin, s.end, s.sizes = 0, 0, nil
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("empty the spool: %w", err)
	}
	return nil
}

// Len implements cti.Spool.
func (s *Spool) Len() int { return len(s.sizes) }

// Close closes the file; what is in it stays.
func (s *Spool) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("close the spool: %w", err)
	}
	return nil
}
