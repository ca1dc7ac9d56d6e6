package live

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"time"

	"sidecar/internal/backoff"
)

// afterwards is how often the sign of life is repeated after a change: its events may still be on their way when it is
// told, and others wait for word that they have come.
const afterwards = 3

// tell tells what has changed until ctx ends.
func (s *State) tell(ctx context.Context) {
	pause := backoff.New(backoff.Policy{Min: pace, Max: beat})
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due, swept, whole time.Time // when the timer fires; when all was looked through, and told, last
	again, failing := 0, false
	for {
		select {
		case <-s.wake:
			again = afterwards
			if wait := s.pace(); !failing && time.Until(due) > wait {
				due = time.Now().Add(wait)
				timer.Reset(wait)
			}
			continue
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		missing, left := s.takeStock()
		if missing || failing || now.Sub(whole) >= anewAfter {
			s.everything()
			whole, swept = now, now
		} else if left || now.Sub(swept) >= beat {
			s.forget()
			swept = now
		}
		wait := beat
		switch err := s.flush(ctx); {
		case err != nil:
			s.o.Logger.Debug("live state was not told", "error", err)
			failing, wait = true, pause.Next()
		case again > 0 && !s.alone():
			again--
			wait = pace
			fallthrough
		default:
			failing = false
			pause.Reset()
		}
		due = time.Now().Add(wait)
		timer.Reset(wait)
	}
}

// pace is how long changes are gathered.
func (s *State) pace() time.Duration {
	if s.alone() {
		return paceAlone
	}
	return pace
}

func (s *State) alone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.livingLocked()) == 0
}

// takeStock compares what listen has found under our name with what we have told. Missing: something isn't there; left:
// something is that we don't know of.
func (s *State) takeStock() (missing, left bool) {
	s.mu.Lock()
	found := s.stock
	s.stock = stock{twin: found.twin && s.twinLocked()}
	missing = found.twin && !s.stock.twin
	s.mu.Unlock()
	if found.all {
		for k := range s.told {
			missing = missing || !found.keys[k]
		}
	}
	for k := range found.keys {
		if _, known := s.told[k]; !known {
			s.told[k], left = 0, true
		}
	}
	return missing, left
}

// everything notes all there is, to be told whatever the store has, and what is no more.
func (s *State) everything() {
	for k := range s.told {
		s.told[k] = 0
	}
	s.look(true)
}

// forget notes what was told and is no more: what an earlier run has left behind, too.
func (s *State) forget() { s.look(false) }

func (s *State) look(all bool) {
	living := map[key]any{}
	for _, c := range s.o.Local.Calls() {
		if !gone(&c) {
			living[key{KindCall, string(c.ID)}] = c
		}
	}
	for _, v := range s.o.Local.DNs() {
		living[key{KindDN, v.Number}] = v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.told {
		if living[k] == nil {
			s.missedLocked(k, nil)
		}
	}
	for k, value := range living {
		if all {
			s.missedLocked(k, value)
		}
	}
}

// missedLocked notes what nobody has published since we looked: that would be newer.
func (s *State) missedLocked(k key, value any) {
	if _, newer := s.dirty[k]; !newer {
		s.dirty[k] = value
	}
}

// flush writes what has changed, and then that it has.
func (s *State) flush(ctx context.Context) error {
	at := s.o.Feed.Head().Seq // before dirty is taken: what led to these events is in it, or was written
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[key]any{}
	s.mu.Unlock()
	entries, sums := s.changes(dirty)
	alive, err := json.Marshal(lease{Instance: s.instance, At: at})
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	if err = s.put(ctx, append(entries, Entry{Node: s.o.Node, Kind: KindLease, Value: alive, Life: entryLife})); err != nil {
		return err
	}
	for k, sum := range sums {
		if s.told[k] = sum; sum == 0 {
			delete(s.told, k)
		}
	}
	return nil
}

// changes are the entries that the store has not got like this yet, with what will be told of them then; 0: nothing.
func (s *State) changes(dirty map[key]any) (entries []Entry, sums map[key]uint64) {
	entries, sums = make([]Entry, 0, len(dirty)+1), make(map[key]uint64, len(dirty))
	for k, value := range dirty {
		e := Entry{Node: s.o.Node, Kind: k.kind, ID: k.id, Life: entryLife}
		before, known := s.told[k]
		if value == nil {
			if known {
				entries, sums[k] = append(entries, e), 0
			}
			continue
		}
		var err error
		if e.Value, err = json.Marshal(value); err != nil { // can't happen with the types of bridge and agent
			s.o.Logger.Error("live state can't be written", "kind", k.kind, "id", k.id, "error", err)
			continue
		}
		sum := maphash.Bytes(s.seed, e.Value) | 1
		if sum == before {
			continue
		}
		s.told[k] = 0 // it may be there even if writing fails
		entries, sums[k] = append(entries, e), sum
	}
	return entries, sums
}

func (s *State) put(ctx context.Context, entries []Entry) error {
	for len(entries) > 0 {
		n := min(len(entries), maxPut)
		step, done := context.WithTimeout(ctx, putTimeout)
		err := s.o.Store.Put(step, entries[:n])
		done()
		if err != nil {
			return fmt.Errorf("tell the other sidecars: %w", err)
		}
		entries = entries[n:]
	}
	return nil
}
