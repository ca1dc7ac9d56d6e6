package agent_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sidecar/agent"
)

// follower keeps a view of every DN from events alone, as a queue does, and checks each event against the last.
type follower struct {
	seen  map[string]agent.View
	ids   map[string]bool
	wrong []string
}

func (f *follower) refuse(is bool, why string) {
	if is {
		f.wrong = append(f.wrong, why)
	}
}

func (f *follower) PublishDN(e agent.Event) {
	f.refuse(f.ids[e.ID], "an id is used once")
	f.ids[e.ID] = true
	before, after := f.seen[e.DN.Number].Agent, e.DN.Agent
	f.refuse(e.Kind == agent.Login && before.State != agent.LoggedOut, "a login comes after a logout")
	f.refuse(e.Kind == agent.Logout && before.State == agent.LoggedOut, "a logout comes after a login")
	before.Login = after.Login // which shows in Ready only
	f.refuse(e.Kind == agent.ActivityChanged && before != after, "what T-Library has an event for is told by it")
	f.seen[e.DN.Number] = e.DN
}

// Whatever agents, callers and the clock do: the states stay whole, one agent is on one DN, and the events tell it all.
func TestAnyDayOfAnyAgents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.SliceOfN(rapid.Custom(drawStep), 1, 60).Draw(rt, "steps")
		var failed any // rapid fails by a panic, in its own goroutine
		synctest.Test(t, func(*testing.T) {
			defer func() { failed = recover() }()
			follow(rt, seed)
		})
		if failed != nil {
			panic(failed)
		}
	})
}

type step struct {
	what, dn, call, agent string
	mode                  agent.WorkMode
	kind                  agent.CallKind
	force                 bool
	by                    time.Duration
}

func drawStep(t *rapid.T) step {
	return step{
		what: rapid.SampledFrom([]string{
			"login", "logout", "ready", "not-ready", "after-call-work", "dnd-on", "dnd-off", "set-forward", "cancel-forward",
			"reserve", "reserve-ready", "occupy", "answered", "held", "unanswered", "free", "in", "out", "wait",
		}).Draw(t, "what"),
		dn:    rapid.SampledFrom([]string{"5001", "5002"}).Draw(t, "dn"),
		call:  rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "call"),
		agent: rapid.SampledFrom([]string{"alice", "ALICE", "bob"}).Draw(t, "agent"),
		mode:  rapid.SampledFrom([]agent.WorkMode{"", agent.AutoIn, agent.ManualIn, agent.LegalGuard, agent.ModeAfterCallWork}).Draw(t, "mode"),
		kind:  rapid.SampledFrom([]agent.CallKind{agent.Inbound, agent.Internal, agent.Consult}).Draw(t, "kind"),
		force: rapid.Bool().Draw(t, "force"),
		by:    rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second}).Draw(t, "by"),
	}
}

func follow(t *rapid.T, steps []step) {
	f := &follower{seen: map[string]agent.View{}, ids: map[string]bool{}}
	r := agent.NewRegistry("n1", f)
	r.SetPolicy(policy())
	for _, dn := range []string{"5001", "5002"} {
		r.Add(dn, 2)
	}
	for _, v := range r.All() {
		f.seen[v.Number] = v
	}
	defer r.Close()
	for _, s := range steps {
		before, _ := r.View(s.dn)
		err := s.run(r)
		synctest.Wait()
		if err != nil {
			after, _ := r.View(s.dn)
			require.Equal(t, before, after, "%s: what is refused changes nothing", s.what)
		}
		require.Empty(t, f.wrong, "%s", s.what)
		agents := map[string]bool{}
		for _, v := range r.All() {
			require.Equal(t, v, f.seen[v.Number], "%s: the events tell it all", s.what)
			requireWhole(t, v.Agent)
			id := strings.ToLower(v.Agent.AgentID)
			require.False(t, id != "" && agents[id], "%s is on two DNs", id)
			agents[id] = true
			require.LessOrEqual(t, v.Calls, 3)
			require.Equal(t, v.Calls == 0, v.Activity == agent.Idle)
			require.False(t, v.Reserved && (v.Calls == 0 || v.Agent.State == agent.LoggedOut))
			require.Equal(t, v.Agent.State == agent.Ready, !v.ReadySince.IsZero())
			require.False(t, !v.Agent.Until.IsZero() && v.Agent.Until.Before(time.Now()), "after-call work ends in time")
		}
	}
}

func (s step) run(r *agent.Registry) error {
	switch s.what {
	case "reserve":
		return r.Reserve(s.dn, s.call)
	case "reserve-ready":
		before, _ := r.View(s.dn)
		err := r.ReserveReady(s.dn, s.call)
		if err == nil && before.Calls == 0 && (before.Agent.State != agent.Ready || before.DND || before.Forward != "") {
			panic(s.dn + " was not free")
		}
		return err
	case "occupy":
		r.Occupy(s.dn, s.call)
	case "answered":
		r.Answered(s.dn, s.call, s.kind)
	case "held":
		r.Held(s.dn, s.call)
	case "unanswered":
		r.Unanswered(s.dn, s.call)
	case "free":
		r.Free(s.dn, s.call)
	case "in", "out":
		r.SetService("pbx1", s.dn, s.what == "in")
	case "wait":
		time.Sleep(s.by)
	default:
		_, err := r.Do(agent.Command{
			DN: s.dn, Verb: agent.Verb(s.what), AgentID: s.agent, Mode: s.mode, For: s.by, To: "030", Force: s.force,
		})
		return err
	}
	return nil
}
