package recording

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// attemptTime is how long the transfer of one recording may take before it is tried anew.
const attemptTime = 10 * time.Minute

// collect fetches what is due, one after the other: that is quick, and sound on its way must not compete with calls.
func (a *Archive) collect(ctx context.Context) {
	for ctx.Err() == nil {
		id, p, wait := a.next()
		if p == nil {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-a.wake:
			case <-ctx.Done():
			}
			timer.Stop()
			continue
		}
		a.attempt(ctx, id, p)
	}
}

// next gives the recording that has waited longest, or how long none is due.
func (a *Archive) next() (id string, first *pending, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for candidate, p := range a.pending {
		if first == nil || p.due.Before(first.due) || p.due.Equal(first.due) && p.EndedAt.Before(first.EndedAt) {
			id, first = candidate, p
		}
	}
	if first == nil {
		return "", nil, time.Hour
	}
	if wait = time.Until(first.due); wait > 0 {
		return "", nil, wait
	}
	return id, first, 0
}

func (a *Archive) attempt(ctx context.Context, id string, p *pending) {
	limited, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	err := a.keep(limited, id, p.Recorded)
	if err == nil {
		err = a.o.Journal.Delete(id)
	}
	switch {
	case err == nil:
		a.mu.Lock()
		delete(a.pending, id)
		a.mu.Unlock()
		a.measure()
	case ctx.Err() != nil: // it is in the journal
	default:
		pause := p.pause.Next()
		a.mu.Lock()
		p.due = time.Now().Add(pause)
		a.mu.Unlock()
		a.log.Warn("recording_waits", "recording", id, "call", p.Call, "server", p.Server, "again_in", pause, "error", err)
	}
}

// keep brings a recording home, and removes it from the switch when it is safe here. What can't be read stays in the
// switch for somebody to look at.
func (a *Archive) keep(ctx context.Context, id string, r Recorded) error {
	m, err := a.Get(id)
	if errors.Is(err, ErrNotFound) {
		m, err = a.bring(ctx, id, r)
	}
	if err != nil || m.State == Failed {
		return err
	}
	for _, name := range []string{r.In, r.Out} {
		if err := a.o.Switch.Remove(ctx, r.Server, name); err != nil && !errors.Is(err, ErrGone) {
			return fmt.Errorf("remove %s from the switch: %w", name, err)
		}
	}
	return nil
}

func (a *Archive) bring(ctx context.Context, id string, r Recorded) (Meta, error) {
	m := Meta{ID: id, State: Complete, Recorded: r}
	if err := os.MkdirAll(filepath.Dir(a.path(id, soundExt)), 0o700); err != nil {
		return m, err
	}
	err := a.sound(ctx, &m)
	switch {
	case errors.Is(err, ErrGone), errors.Is(err, ErrFormat):
		m.State, m.Error = Failed, err.Error()
		a.log.Error("recording_failed", "recording", id, "call", r.Call, "server", r.Server, "in", r.In, "out", r.Out, "error", err)
	case err != nil:
		return m, err
	default:
		a.log.Info("recording_kept", "recording", id, "call", r.Call, "state", string(m.State), "duration", m.Duration, "bytes", m.Bytes)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, fmt.Errorf("write a recording's metadata: %w", err)
	}
	return m, writeFile(a.path(id, metaExt), func(f *os.File) error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
}

// sound merges both sides into the recording's file. It fails with ErrGone when the switch has neither of them.
func (a *Archive) sound(ctx context.Context, m *Meta) error {
	left, errLeft := a.side(ctx, m.Server, m.In)
	right, errRight := a.side(ctx, m.Server, m.Out)
	defer closeAll(left, right)
	for _, err := range []error{errLeft, errRight} {
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	if errLeft != nil && errRight != nil {
		return errors.Join(errLeft, errRight)
	}
	if err := errors.Join(errLeft, errRight); err != nil {
		m.State, m.Error = Partial, err.Error()
	}
	path := a.path(m.ID, soundExt)
	err := writeFile(path, func(f *os.File) error {
		size, err := merge(f, reader(left), reader(right))
		m.Rate = size.rate
		if size.rate > 0 {
			m.Duration = time.Duration(size.frames) * time.Second / time.Duration(size.rate)
		}
		return err
	})
	if err != nil {
		return err
	}
	m.SHA256, m.Bytes, err = digest(path)
	return err
}

func (a *Archive) side(ctx context.Context, server, name string) (io.ReadCloser, error) {
	file, err := a.o.Switch.Fetch(ctx, server, name)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", name, err)
	}
	return file, nil
}

// reader keeps a side that is missing from looking like one that is there.
func reader(side io.ReadCloser) io.Reader {
	if side == nil {
		return nil
	}
	return side
}

func closeAll(sides ...io.ReadCloser) {
	for _, side := range sides {
		if side != nil {
			_ = side.Close() // it was only read
		}
	}
}

// writeFile puts a file into its place when it is whole and on the disk.
func writeFile(path string, write func(*os.File) error) error {
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // below our own directory, of a checked id
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part) // the next attempt begins it anew
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

func digest(path string) (sum string, size int64, err error) {
	f, err := os.Open(path) //nolint:gosec // below our own directory, of a checked id
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
