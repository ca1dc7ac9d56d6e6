package live

import (
	"context"
	"encoding/json"
	"fmt"
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
	again, waiting := 0, false
	s.everything()
	for {
		select {
		case <-s.wake:
			again = afterwards
			if !waiting {
				timer.Reset(pace)
				waiting = true
			}
			continue
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		waiting = again > 0
		again = max(again-1, 0)
		if !waiting {
			s.forget()
		}
		switch err := s.flush(ctx); {
		case err != nil:
			s.o.Logger.Debug("live state was not told", "error", err)
			s.everything()
			waiting = true
			timer.Reset(pause.Next())
		case waiting:
			pause.Reset()
			timer.Reset(pace)
		default:
			pause.Reset()
			timer.Reset(beat)
		}
	}
}

// everything notes all there is.
func (s *State) everything() {
	calls, dns := s.o.Local.Calls(), s.o.Local.DNs()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range calls {
		if !gone(&calls[i]) {
			s.dirty[key{KindCall, string(calls[i].ID)}] = calls[i]
		}
	}
	for i := range dns {
		s.dirty[key{KindDN, dns[i].Number}] = dns[i]
	}
}

// forget notes the calls that were told of and are no more: those that an earlier run has left behind, too.
func (s *State) forget() {
	live := map[string]bool{}
	for _, c := range s.o.Local.Calls() {
		live[string(c.ID)] = !gone(&c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.told {
		if !live[id] {
			s.dirty[key{KindCall, id}] = nil
		}
	}
}

// flush writes what has changed, and then that it has.
func (s *State) flush(ctx context.Context) error {
	at := s.o.Feed.Head().Seq // before dirty is taken: what led to these events is in it, or was written
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[key]any{}
	entries := make([]Entry, 0, len(dirty)+1)
	for k, value := range dirty {
		e := Entry{Node: s.o.Node, Kind: k.kind, ID: k.id}
		if k.kind == KindCall {
			if value == nil {
				delete(s.told, k.id)
			} else {
				s.told[k.id] = true
			}
		}
		if value != nil {
			data, err := json.Marshal(value)
			if err != nil { // can't happen with the types of bridge and agent
				s.o.Logger.Error("live state can't be written", "kind", k.kind, "id", k.id, "error", err)
				continue
			}
			e.Value = data
		}
		entries = append(entries, e)
	}
	s.mu.Unlock()
	alive, err := json.Marshal(lease{Instance: s.instance, At: at})
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	return s.put(ctx, append(entries, Entry{Node: s.o.Node, Kind: KindLease, Value: alive}))
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
