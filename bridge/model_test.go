package bridge

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// deed is something that happens in a model's life. A and B choose among what is there.
type deed struct {
	Kind  string
	After time.Duration
	A, B  int
}

// life is one run of the model.
type life struct {
	Phones map[string]phone
	Rules  map[DN]bool // whose calls are recorded
	Begin  []deed      // that every life of its kind has
	Deeds  []deed
	Faults map[int]fault
	KillAt int
	Down   time.Duration
}

// modelDeeds are all deeds, the likelier ones several times.
func modelDeeds() []string {
	return append(
		partyDeeds(), "inbound", "inbound", "inbound", "internal", "make", "transfer", "transfer", "refer", "clear", "hangup", "hangup", "hold",
		"gap", "cut", "back", "lost", "stop", "answer", "answer", "hold by command", "retrieve", "reject",
		"hold at browser", "hold at browser", "switch call", "switch leg",
	)
}

func modelNumbers() []string {
	return []string{"5001", "5002", "5003", "5004", "030", "0900", "8000", "6000"}
}

// deeds generates them, some after the one before is done, some in its midst.
func deeds(kinds []string) *rapid.Generator[deed] {
	return rapid.Custom(func(t *rapid.T) deed {
		return deed{
			Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), After: time.Duration(rapid.SampledFrom([]int{0, 1, 3, 7, 100, 1500, 4000}).Draw(t, "after")) * time.Millisecond,
			A: rapid.IntRange(0, 7).Draw(t, "a"), B: rapid.IntRange(0, 7).Draw(t, "b"),
		}
	})
}

func lives(faults bool, kinds []string, begin ...deed) *rapid.Generator[life] {
	seconds := func(t *rapid.T, label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most*10).Draw(t, label)) * 100 * time.Millisecond
	}
	return rapid.Custom(func(t *rapid.T) life {
		l := life{Phones: map[string]phone{}, Faults: map[int]fault{}, Begin: begin}
		for _, number := range modelNumbers()[:5] {
			ph := phone{Page: rapid.Bool().Draw(t, "page"), Cause: causeBusy, Ring: 107 * time.Millisecond, Answer: 1309 * time.Millisecond}
			switch rapid.SampledFrom([]string{"answers", "answers", "answers", "at once", "rejects", "silent", "absent", "talks", "announces"}).Draw(t, number) {
			case "at once":
				ph.Ring, ph.Answer = 0, 11*time.Millisecond
			case "rejects":
				ph.Reject, ph.Answer = seconds(t, "reject", 3)+time.Millisecond, 0
			case "silent":
				ph.Answer = 0
			case "absent":
				ph.Absent = true
			case "announces":
				ph.Heard, ph.Ring, ph.Answer = 50*time.Millisecond, 0, seconds(t, "answer", 3)
			case "talks":
				ph.HangupAfterwards = seconds(t, "talk", 20) + 2*time.Second
			}
			l.Phones[number] = ph
		}
		l.Deeds = rapid.SliceOfN(deeds(kinds), 1, 14).Draw(t, "deeds")
		l.Rules = rapid.SampledFrom([]map[DN]bool{{}, {}, {"5002": true}}).Draw(t, "rules")
		if rapid.Bool().Draw(t, "killed") {
			l.KillAt, l.Down = rapid.IntRange(1, 80+60*len(begin)).Draw(t, "kill at"), seconds(t, "down", 10)
		}
		if faults {
			l.Faults = rapid.MapOfN(rapid.IntRange(1, 40), rapid.SampledFrom([]fault{refused, requestLost, answerLost}), 1, 2).Draw(t, "faults")
		}
		return l
	})
}

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { runLife(t, rt, lives(false, modelDeeds()).Draw(rt, "life")) })
}

// TestModelWithFailingRequests lets single requests fail, or lose their way there or back.
func TestModelWithFailingRequests(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { runLife(t, rt, lives(true, modelDeeds()).Draw(rt, "life")) })
}

// TestModelOfConsultations has an agent who talks to a customer consult, and then all that parties do.
func TestModelOfConsultations(t *testing.T) {
	t.Parallel()
	kinds := append(partyDeeds(), partyDeeds()...)
	kinds = append(kinds, "hangup", "hangup", "refer", "hold at browser", "hold by command", "retrieve", "transfer", "gap", "back", "stop", "clear")
	begin := []deed{{Kind: "inbound"}, {Kind: "consult", After: 2 * time.Second, B: 1}}
	rapid.Check(t, func(rt *rapid.T) {
		runLife(t, rt, lives(rapid.Bool().Draw(rt, "faults"), kinds, begin...).Draw(rt, "life"))
	})
}

// TestModelOfQueuesAndRecordings has calls wait, which are offered, routed and told how things stand, and recorded.
func TestModelOfQueuesAndRecordings(t *testing.T) {
	t.Parallel()
	kinds := []string{
		"wait", "wait", "offer", "offer", "offer", "offer", "route", "route", "announce", "announce", "inbound", "hangup", "hangup", "transfer",
		"consult", "complete transfer", "complete conference", "add", "release", "hold by command", "retrieve", "record", "record", "record",
		"record stop", "record pause", "record resume", "gap", "cut", "back", "back", "stop", "clear", "hold at browser", "refer",
	}
	begin := []deed{{Kind: "wait"}, {Kind: "offer", After: time.Second}}
	rapid.Check(t, func(rt *rapid.T) {
		runLife(t, rt, lives(rapid.Bool().Draw(rt, "faults"), kinds, begin...).Draw(rt, "life"))
	})
}

// runLife runs it in a bubble of its own. A failure must leave the bubble before rapid is told, since rapid panics.
func runLife(t *testing.T, rt *rapid.T, l life) {
	t.Helper()
	var problems []string
	synctest.Test(t, func(t *testing.T) { problems = l.run(t.Context()) })
	if len(problems) > 0 {
		rt.Fatalf("%s", strings.Join(problems, "\n"))
	}
}

// run lives it to the end and reports what was wrong.
func (l life) run(ctx context.Context) []string {
	s := newSim()
	s.phones, s.faults, s.killAt, s.studio.rules, s.studio.strict = l.Phones, l.Faults, l.KillAt, l.Rules, true
	s.lag = simLag
	s.start()
	var wg, restart sync.WaitGroup
	over := make(chan struct{})
	restart.Go(func() { // whoever is killed comes back
		select {
		case <-s.killed:
			_ = wait(ctx, l.Down)
			s.start()
		case <-over:
		}
	})
	for _, d := range slices.Concat(l.Begin, l.Deeds) {
		_ = wait(ctx, d.After)
		if d.Kind == "stop" {
			if s.stop() {
				_ = wait(ctx, time.Duration(d.B)*100*time.Millisecond)
				s.start()
			}
			continue
		}
		s.do(ctx, &wg, d)
	}
	_ = wait(ctx, 20*time.Second) // the engine may be away so long
	s.setGap(false, false)
	_ = wait(ctx, 3*time.Minute) // whatever rings has stopped
	problems := slices.Concat(s.unsettled(len(l.Faults) == 0), s.unwatched(), s.endMonitors(ctx))
	for range 2 { // whose engine dies now are called again
		for _, id := range s.channels("") {
			s.hangup(id)
			_ = wait(ctx, 5*time.Millisecond)
		}
		s.endLegs()
		_ = wait(ctx, time.Minute)
	}
	wg.Wait()
	close(over)
	restart.Wait()
	problems = append(problems, s.leftovers()...)
	for _, e := range s.engines {
		e.Close()
	}
	_ = wait(ctx, time.Minute) // the timers of phones
	return problems
}

// do does one deed. Commands run beside it, as those of clients do.
func (s *sim) do(ctx context.Context, wg *sync.WaitGroup, d deed) {
	number := func(n int) string { return modelNumbers()[n%len(modelNumbers())] }
	dn := func(n int) DN { return DN(number(n % 4)) }
	s.mu.Lock()
	e := s.e
	s.mu.Unlock()
	if e == nil {
		return
	}
	command := func(run func(context.Context) (CallView, error)) {
		wg.Go(func() {
			limited, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			_, _ = run(limited)
		})
	}
	var call CallView
	if calls := e.Calls(); len(calls) > 0 {
		call = calls[d.A%len(calls)]
	}
	switch d.Kind {
	case "inbound":
		s.arrive("", number(d.A))
	case "internal":
		if dn(d.A) != dn(d.B) {
			s.arrive(dn(d.A), number(d.B))
		}
	case "make":
		command(func(ctx context.Context) (CallView, error) {
			return e.MakeCall(ctx, MakeCall{From: dn(d.A), To: number(d.B)})
		})
	case "transfer":
		command(func(ctx context.Context) (CallView, error) {
			return e.Transfer(ctx, Transfer{Call: call.ID, To: number(d.B)})
		})
	case "clear":
		command(func(ctx context.Context) (CallView, error) { return e.Hangup(ctx, Hangup{Call: call.ID}) })
	case "answer", "hold by command", "retrieve", "reject":
		cmd := PartyCommand{Call: call.ID, By: dn(d.B)}
		for _, p := range call.Parties {
			if p.DN != "" && p.State != PartyReleased && d.B < 5 { // else it may be a stranger
				cmd.By = p.DN
			}
		}
		verb := map[string]func(context.Context, PartyCommand) (CallView, error){
			"answer": e.Answer, "hold by command": e.Hold, "retrieve": e.Retrieve, "reject": e.Reject,
		}[d.Kind]
		command(func(ctx context.Context) (CallView, error) { return verb(ctx, cmd) })
	case "wait":
		s.arrive("", "6000")
	case "offer", "route", "announce":
		s.queueDoes(ctx, e, wg, d)
	case "monitor", "monitor call", "mode", "unmonitor":
		s.supervise(ctx, wg, d)
	case "switch call":
		s.switchCall(dn(d.A), number(d.B), d.B%2 == 0)
	case "switch leg":
		s.legDoes(d)
	case "gap":
		s.setGap(true, false)
	case "cut":
		s.setGap(true, true)
	case "back":
		s.setGap(false, false)
	case "lost":
		s.lose(d.B < 2)
	case "refer", "hangup", "hold", "hold at browser":
		s.phoneDoes(d)
	default:
		command(func(ctx context.Context) (CallView, error) { return partyDoes(ctx, e, call, d) })
	}
}

// queueDoes gives a command about one of the calls that wait, as far as the queue was told.
func (s *sim) queueDoes(ctx context.Context, e *Engine, wg *sync.WaitGroup, d deed) {
	s.mu.Lock()
	waiting := slices.Sorted(maps.Keys(s.studio.waits))
	s.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	call := waiting[d.A%len(waiting)]
	to := modelNumbers()[d.B]
	wg.Go(func() {
		limited, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if d.Kind == "announce" {
			_ = e.Announce(limited, Announce{Call: call, Media: []string{"sound:queue-youarenext"}})
			return
		}
		s.mu.Lock()
		s.studio.asked[call]++
		s.mu.Unlock()
		if d.Kind == "offer" {
			_ = e.Offer(limited, Offer{Call: call, To: DN(modelNumbers()[d.B%4]), Timeout: 5 * time.Second})
			return
		}
		_ = e.Route(limited, Route{Call: call, To: to})
	})
}

// phoneDoes lets one of the phones that have a channel act.
func (s *sim) phoneDoes(d deed) {
	ids := s.channels("")
	if len(ids) == 0 {
		return
	}
	id := ids[d.A%len(ids)]
	if d.Kind == "hangup" {
		s.hangup(id)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chans[id]
	if c == nil || c.state != LegIsUp || s.e == nil {
		return
	}
	if d.Kind == "hold at browser" { // of which the gateway tells, whatever becomes of Asterisk's events
		c.held = !c.held
		s.phoneTells(c.name(), c.held)
		return
	}
	if s.gap {
		return
	}
	if d.Kind == "refer" {
		s.e.Refer(Referral{Channel: c.id, From: DN(c.to), To: modelNumbers()[d.B%len(modelNumbers())]})
		return
	}
	c.held = !c.held
	change := LegIsBack
	if c.held {
		change = LegIsHeld
	}
	s.tell(LegChanged{Channel: c.id, Change: change})
}

// lose lets the switch be away for good, dead or only out of reach.
func (s *sim) lose(dead bool) {
	s.setGap(true, true)
	s.mu.Lock()
	e := s.e
	if dead {
		for id := range s.chans {
			s.closeFiles(id) // of which nobody tells: there is a gap
		}
		clear(s.chans)
		clear(s.bridges)
		clear(s.studio.plays)
	}
	s.mu.Unlock()
	if e != nil {
		e.Lost("pbx1")
	}
}
