package bridge

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// watchedLives are those in which supervisors come and go while calls are made, transferred and consulted about.
func watchedLives() *rapid.Generator[life] {
	kinds := []string{
		"inbound", "internal", "transfer", "consult", "complete transfer", "complete conference", "reconnect", "alternate",
		"add", "hold by command", "retrieve", "hangup", "gap", "cut", "back", "back", "stop",
		"monitor", "monitor", "monitor call", "mode", "mode", "mode", "mode", "unmonitor",
	}
	return rapid.Custom(func(t *rapid.T) life {
		l := life{Phones: map[string]phone{}}
		for _, number := range modelNumbers()[:5] {
			ph := answering()
			switch rapid.SampledFrom([]string{"answers", "answers", "answers", "answers", "answers", "answers", "rejects", "silent", "absent"}).Draw(t, number) {
			case "rejects":
				ph.Reject, ph.Answer = 700*time.Millisecond, 0
			case "silent":
				ph.Answer = 0
			case "absent":
				ph.Absent = true
			}
			l.Phones[number] = ph
		}
		l.Deeds = rapid.SliceOfN(deeds(kinds), 0, 12).Draw(t, "deeds")
		begin := []deed{{Kind: "inbound", B: rapid.IntRange(0, 6).Draw(t, "first")}, {Kind: "monitor", After: 3 * time.Second, B: rapid.IntRange(0, 6).Draw(t, "order")}}
		begin[1].A = 3 * rapid.IntRange(0, 1).Draw(t, "scope")
		l.Deeds = append(begin, l.Deeds...)
		if rapid.Bool().Draw(t, "killed") {
			l.KillAt, l.Down = rapid.IntRange(1, 150).Draw(t, "kill at"), 2*time.Second
		}
		return l
	})
}

func TestModelOfSupervision(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { runLife(t, rt, watchedLives().Draw(rt, "life")) })
}

// endMonitors ends all supervision, and reports what is left of it.
func (s *sim) endMonitors(ctx context.Context) (problems []string) {
	for range 2 { // the kill may come now
		s.mu.Lock()
		e := s.e
		s.mu.Unlock()
		monitors := e.Monitors()
		for _, m := range monitors {
			_, _ = e.StopMonitor(ctx, m.ID)
		}
		if len(monitors) > 0 {
			_ = wait(ctx, 10*time.Second)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	recorded := s.recordedChannels()
	for id, c := range s.chans {
		if c.snoops != "" && !recorded[id] {
			problems = append(problems, "nobody needs "+id+" any more")
		}
	}
	return problems
}

// recordedChannels are those whose sound is being written. The lock is held.
func (s *sim) recordedChannels() map[string]bool {
	ids := map[string]bool{}
	for _, f := range s.studio.files {
		if f.open {
			ids[f.of] = true
		}
	}
	return ids
}

// supervise does what supervisors do.
func (s *sim) supervise(ctx context.Context, wg *sync.WaitGroup, d deed) {
	s.mu.Lock()
	e := s.e
	s.mu.Unlock()
	if e == nil {
		return
	}
	modes := []MonitorMode{MonitorMute, MonitorCoach, MonitorConnect}
	cmd := Monitor{
		Supervisor: "5003", Target: DN(modelNumbers()[d.A%3]), Mode: modes[d.B%3], Scope: []MonitorScope{ScopeCall, ScopeAgent}[d.A%2],
		Next: []MonitorNext{MonitorOne, MonitorAll}[d.B%2],
	}
	if d.B > 4 {
		cmd.Supervisor, cmd.SupervisorNumber = "", "030"
	}
	if calls := e.Calls(); d.Kind == "monitor call" && len(calls) > 0 {
		cmd.Target, cmd.Call = "", calls[d.A%len(calls)].ID
	}
	list := e.Monitors()
	wg.Go(func() {
		limited, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		switch {
		case d.Kind == "monitor" || d.Kind == "monitor call":
			_, _ = e.Monitor(limited, cmd)
		case len(list) == 0:
		case d.Kind == "mode":
			_, _ = e.SwitchMonitor(limited, list[d.A%len(list)].ID, modes[d.B%3])
		default:
			_, _ = e.StopMonitor(limited, list[d.A%len(list)].ID)
		}
	})
}

// unwatched reports supervisors who do not hear what they should, when everybody has had their time.
func (s *sim) unwatched() []string {
	active := map[MonitorID]MonitorState{}
	for _, m := range s.e.Monitors() {
		active[m.ID] = m.State
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	wanted := s.recordedChannels()
	for id, a := range s.e.actors {
		s.e.mu.RLock()
		var state *live
		for _, shown := range a.shown { // the first call may be done
			if l := s.e.views[shown.ID]; l != nil {
				state = l
			}
		}
		s.e.mu.RUnlock()
		if state == nil {
			continue
		}
		for _, w := range state.state.Watches {
			if w.Ended != WatchGoesOn {
				continue
			}
			if active[w.Order] != MonitorActive || !w.active() {
				list = append(list, fmt.Sprintf("%s: %s is %s, its order %s", id, w.Party.Number, w.Party.State, active[w.Order]))
			}
			list = append(list, s.deaf(&state.state, &w)...)
			wanted[w.Snoop.Channel.ID] = true
		}
	}
	for id, c := range s.chans {
		if c.snoops != "" && !wanted[id] {
			list = append(list, "nobody needs "+id)
		}
	}
	return list
}

func (s *sim) deaf(i *Interaction, w *Watch) []string {
	boss := w.Party.Leg.Channel.ID
	in := func(bridge BridgeID, ch string) bool { b := s.bridges[bridge.ID]; return b != nil && b.members[ch] }
	if w.Mode == MonitorConnect {
		n := i.find(func(c *Call) bool { return c.ID == w.Call })
		if !in(i.nth(n).Bridge, boss) || s.chans[w.Snoop.Channel.ID] != nil {
			return []string{boss + " is not in the call, or has a snoop"}
		}
		return nil
	}
	snoop := s.chans[w.Snoop.Channel.ID]
	st := step{i: *i}
	leg, whisper := st.heard(w)
	switch {
	case leg == nil:
		return nil
	case snoop == nil || snoop.snoops != leg.Channel.ID || w.Whisper != whisper:
		return []string{fmt.Sprintf("%s does not hear %s: %+v", boss, leg.Channel.ID, snoop)}
	case !in(w.Bridge, boss) || !in(w.Bridge, w.Snoop.Channel.ID) || len(s.bridges[w.Bridge.ID].members) != 2:
		return []string{fmt.Sprintf("%s is not with its snoop: %+v", boss, s.bridges[w.Bridge.ID])}
	}
	return nil
}
