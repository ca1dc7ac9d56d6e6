package bridge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
		l.Deeds = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
			return deed{
				Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), After: time.Duration(rapid.SampledFrom([]int{0, 1, 3, 7, 100, 1500, 4000}).Draw(t, "after")) * time.Millisecond,
				A: rapid.IntRange(0, 6).Draw(t, "a"), B: rapid.IntRange(0, 6).Draw(t, "b"),
			}
		}), 0, 12).Draw(t, "deeds")
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
	rapid.Check(t, func(rt *rapid.T) {
		l := watchedLives().Draw(rt, "life")
		var problems []string
		synctest.Test(t, func(t *testing.T) { problems = l.watched(t.Context()) })
		if len(problems) > 0 {
			rt.Fatalf("%s", strings.Join(problems, "\n"))
		}
	})
}

// watched lives it to the end and reports what was wrong.
func (l life) watched(ctx context.Context) []string {
	s := newSim()
	s.phones, s.killAt = l.Phones, l.KillAt
	s.start()
	var wg, restart sync.WaitGroup
	over := make(chan struct{})
	restart.Go(func() {
		select {
		case <-s.killed:
			_ = wait(ctx, l.Down)
			s.start()
		case <-over:
		}
	})
	for _, d := range l.Deeds {
		_ = wait(ctx, d.After)
		switch d.Kind {
		case "stop":
			if s.stop() {
				_ = wait(ctx, time.Second)
				s.start()
			}
		case "monitor", "monitor call", "mode", "unmonitor":
			s.supervise(ctx, &wg, d)
		default:
			s.do(ctx, &wg, d)
		}
	}
	_ = wait(ctx, 20*time.Second)
	s.setGap(false, false)
	_ = wait(ctx, 3*time.Minute)
	problems := s.unwatched()
	for range 2 { // the kill may come now
		s.mu.Lock()
		e := s.e
		s.mu.Unlock()
		for _, m := range e.Monitors() {
			_, _ = e.StopMonitor(ctx, m.ID)
		}
		_ = wait(ctx, 10*time.Second)
	}
	s.mu.Lock()
	for id, c := range s.chans {
		if c.snoops != "" {
			problems = append(problems, "nobody needs "+id+" any more")
		}
	}
	s.mu.Unlock()
	for _, id := range s.channels("") {
		s.hangup(id)
		_ = wait(ctx, 5*time.Millisecond)
	}
	_ = wait(ctx, time.Minute)
	wg.Wait()
	close(over)
	restart.Wait()
	problems = append(problems, s.leftovers()...)
	for _, e := range s.engines {
		e.Close()
	}
	_ = wait(ctx, time.Minute)
	return problems
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
	wanted := map[string]bool{}
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
