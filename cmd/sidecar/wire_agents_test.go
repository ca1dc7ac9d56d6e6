package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/config"
	"sidecar/cti"
	"sidecar/internal/numbering"
)

func TestAgentPolicy(t *testing.T) {
	t.Parallel()
	c := config.Default().Agents
	require.Equal(t, agent.Policy{
		WrapUpKinds: []agent.CallKind{agent.Inbound}, NoAnswer: agent.NotReady, Reason: "no_answer", Absence: 10 * time.Minute, Reasons: []string{},
	}, agentPolicy(c))
	c.WrapUp, c.WrapUpAfter, c.NoAnswer = time.Minute, []string{"internal", "outbound", "consult"}, "logged_out"
	p := agentPolicy(c)
	require.Equal(t, []agent.CallKind{agent.Internal, agent.Outbound, agent.Consult}, p.WrapUpKinds)
	require.Equal(t, agent.LoggedOut, p.NoAnswer)
	require.Equal(t, time.Minute, p.WrapUp)
	c.NoAnswer = "unchanged"
	require.Empty(t, agentPolicy(c).NoAnswer)
}

func TestDeviceState(t *testing.T) {
	t.Parallel()
	view := func(edit func(*agent.View)) agent.View {
		v := agent.View{InService: true, Activity: agent.Idle, Agent: agent.Status{State: agent.LoggedOut}}
		edit(&v)
		return v
	}
	for _, c := range []struct {
		name string
		edit func(*agent.View)
		want ari.DeviceStateValue
	}{
		{"nobody there", func(*agent.View) {}, "NOT_INUSE"},
		{"ready", func(v *agent.View) { v.Agent.State = agent.Ready }, "NOT_INUSE"},
		{"not ready", func(v *agent.View) { v.Agent.State = agent.NotReady }, "BUSY"},
		{"after-call work", func(v *agent.View) { v.Agent.State = agent.AfterCallWork }, "BUSY"},
		{"do not disturb", func(v *agent.View) { v.DND = true }, "BUSY"},
		{"no phone", func(v *agent.View) { v.InService, v.DND = false, true }, "UNAVAILABLE"},
		{"rings", func(v *agent.View) { v.Activity = agent.ReceivingCall }, "RINGING"},
		{"talks", func(v *agent.View) { v.Activity, v.DND = agent.HandlingInboundCall, true }, "INUSE"},
		{"calls", func(v *agent.View) { v.Activity = agent.InitiatingCall }, "INUSE"},
		{"holds", func(v *agent.View) { v.Activity = agent.CallOnHold }, "ONHOLD"},
	} {
		require.Equal(t, c.want, deviceState(view(c.edit)), c.name)
	}
}

// shelf is a store that fails as often as it is told to.
type shelf struct {
	mu    sync.Mutex
	fails int
	saved map[string]agent.Record
	calls int
}

var errShelf = errors.New("disk full")

func (s *shelf) SaveAgents(_ context.Context, list []agent.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fails--; s.fails >= 0 {
		return errShelf
	}
	for _, r := range list {
		s.saved[r.DN] = r
	}
	return nil
}

func TestAgentKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{fails: 2, saved: map[string]agent.Record{}}
		k := newAgentKeeper(s, agent.Fanout{}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { k.run(ctx) })
		k.put(agent.View{Number: "5001"})
		synctest.Wait()
		require.Empty(t, s.saved, "the store failed")
		k.PublishDN(agent.Event{DN: agent.View{Number: "5001", DND: true}})
		k.put(agent.View{Number: "5002"})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, map[string]agent.Record{"5001": {DN: "5001", DND: true}, "5002": {DN: "5002"}}, s.saved, "the last state counts")
		require.Equal(t, 3, s.calls)
		s.fails = 1
		k.put(agent.View{Number: "5003"})
		synctest.Wait()
		require.NotContains(t, s.saved, "5003")
		stop()
		work.Wait()
		require.Contains(t, s.saved, "5003", "written at the end")
	})
}

// told keeps the kinds of the events that it is told.
type told struct {
	mu    sync.Mutex
	kinds []agent.EventKind
}

func (s *told) PublishDN(e agent.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds = append(s.kinds, e.Kind)
}

// slow is a store that writes when it is let.
type slow struct {
	shelf

	let chan struct{}
}

func (s *slow) SaveAgents(ctx context.Context, list []agent.Record) error {
	select {
	case <-s.let:
		return s.shelf.SaveAgents(ctx, list)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Who hears of a state, by the feed or as the answer to a command, finds it stored; one batch serves many.
func TestAgentStateIsToldWhenItIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{shelf{saved: map[string]agent.Record{}}, make(chan struct{})}
		feed := &told{}
		k := newAgentKeeper(s, feed, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { k.run(ctx) })
		tell := func(dn string, kind agent.EventKind, state agent.State) {
			k.PublishDN(agent.Event{Kind: kind, DN: agent.View{Number: dn, Agent: agent.Status{State: state}}})
		}
		var answered []string
		command := func(dn string, kind agent.EventKind, state agent.State) {
			tell(dn, kind, state)
			work.Go(func() {
				k.stored()
				s.mu.Lock()
				defer s.mu.Unlock()
				require.Equal(t, state, s.saved[dn].Agent.State, "answered before it was stored")
				answered = append(answered, dn)
			})
			synctest.Wait()
		}
		command("5001", agent.BecameReady, agent.Ready) // is being written
		command("5002", agent.BecameReady, agent.Ready)
		command("5003", agent.BecameNotReady, agent.NotReady)
		tell("5001", agent.ActivityChanged, agent.Ready) // is no matter of the store
		synctest.Wait()
		require.Empty(t, answered)
		require.Empty(t, feed.kinds)
		s.let <- struct{}{}
		synctest.Wait()
		require.Equal(t, []string{"5001"}, answered)
		require.Equal(t, []agent.EventKind{agent.BecameReady}, feed.kinds)
		s.let <- struct{}{}
		synctest.Wait()
		require.Len(t, answered, 3)
		require.Equal(t, []agent.EventKind{agent.BecameReady, agent.BecameReady, agent.BecameNotReady, agent.ActivityChanged}, feed.kinds, "in order")
		require.Equal(t, 2, s.calls, "two of them in one")
		tell("5001", agent.ActivityChanged, agent.Ready)
		require.Len(t, feed.kinds, 5, "nothing is held back: at once")
		k.stored()

		tell("5001", agent.BecameNotReady, agent.NotReady)
		began := time.Now()
		k.stored()
		require.Equal(t, saveTimeout, time.Since(began), "a store that stalls holds up nobody for longer")
		require.Len(t, feed.kinds, 6)
		work.Go(func() { s.let <- struct{}{} })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, agent.NotReady, s.saved["5001"].Agent.State, "and is asked again")
		stop()
		work.Wait()
		k.stored()
	})
}

// What the engine tells of calls moves the agent: talking, on hold, after-call work; a call that rings out.
func TestCallsMoveTheAgent(t *testing.T) {
	t.Parallel()
	dns := agent.NewRegistry("n1", agent.Fanout{})
	dns.SetPolicy(agent.Policy{WrapUp: time.Minute, WrapUpKinds: []agent.CallKind{agent.Inbound}, NoAnswer: agent.NotReady})
	t.Cleanup(dns.Close)
	dns.Add("5001", 2)
	dns.SetService("pbx1", "5001", true)
	_, err := dns.Do(agent.Command{DN: "5001", Verb: agent.VerbLogin, AgentID: "alice"})
	require.NoError(t, err)
	ready := func() {
		_, err = dns.Do(agent.Command{DN: "5001", Verb: agent.VerbReady})
		require.NoError(t, err)
	}
	feed := feedPort{cti.NewFeed(cti.FeedOptions{}), dns}
	port := agentsPort{dns}
	tell := func(kind bridge.EventKind, why bridge.CallState) {
		feed.Publish(bridge.Event{
			Kind: kind, CallState: why, Call: bridge.CallView{Interaction: "i1", Type: bridge.CallInbound}, This: bridge.PartyView{DN: "5001"},
		})
	}
	view := func() agent.View { v, _ := dns.View("5001"); return v }
	ready()
	require.NoError(t, port.Reserve("5001", "i1", bridge.CallingDN))
	tell(bridge.EventEstablished, bridge.CallStateOK)
	require.Equal(t, agent.HandlingInboundCall, view().Activity)
	tell(bridge.EventHeld, bridge.CallStateOK)
	require.Equal(t, agent.CallOnHold, view().Activity)
	tell(bridge.EventRetrieved, bridge.CallStateOK)
	tell(bridge.EventReleased, bridge.CallStateOK)
	port.Free("5001", "i1")
	require.Equal(t, agent.AfterCallWork, view().Agent.State)

	ready()
	require.NoError(t, port.Reserve("5001", "i1", bridge.CallingDN))
	tell(bridge.EventReleased, bridge.CallStateNoAnswer)
	port.Free("5001", "i1")
	require.Equal(t, agent.NotReady, view().Agent.State)
	require.Equal(t, agent.ReasonNoAnswer, view().Agent.Reason)

	_, err = dns.Do(agent.Command{DN: "5001", Verb: agent.VerbDNDOn})
	require.NoError(t, err)
	require.ErrorIs(t, port.Reserve("5001", "i2", bridge.CallingDN), bridge.ErrBusy)

	moved := bridge.Event{
		Kind: bridge.EventPartyChanged, CallState: bridge.CallStateTransferred,
		Call: bridge.CallView{Interaction: "i4", Type: bridge.CallInternal}, This: bridge.PartyView{DN: "5001", State: bridge.PartyEstablished},
	}
	feed.Publish(moved)
	port.Occupy("5001", "i4")
	require.Equal(t, agent.HandlingInternalCall, view().Activity, "it is in another call now, in the midst of which it came")
	moved.This.State = bridge.PartyHeld
	feed.Publish(moved)
	require.Equal(t, agent.CallOnHold, view().Activity)
	moved.This.State = bridge.PartyRinging
	feed.Publish(moved)
	require.Equal(t, agent.CallOnHold, view().Activity, "it has not begun to talk")
	port.Free("5001", "i4")
	require.Equal(t, agent.Idle, view().Activity)
	moved.This.State = bridge.PartyEstablished
	feed.Republish(moved)
	require.Equal(t, agent.Idle, view().Activity, "it may be told again when the DN has left that call")
	require.Zero(t, view().Calls)

	port.Occupy("5001", "i3") // as the engine does with what it restores
	takeUpCalls([]bridge.CallView{{Interaction: "i3", Type: bridge.CallOutbound, Parties: []bridge.PartyView{
		{Number: "030", State: bridge.PartyEstablished}, {DN: "5001", State: bridge.PartyHeld},
	}}}, dns)
	require.Equal(t, agent.CallOnHold, view().Activity)
	port.Free("5001", "i3")

	port.Occupy("5001", "i4")
	takeUpCalls([]bridge.CallView{{Interaction: "i4", Type: bridge.CallInbound, Parties: []bridge.PartyView{
		{Number: "030", State: bridge.PartyDialing}, {DN: "5001", State: bridge.PartyRinging},
	}}}, dns)
	require.Equal(t, agent.ReceivingCall, view().Activity)
	dns.Unanswered("5001", "i4")
	require.Zero(t, view().Calls, "it has rung out")
}

// A forward to a number that the DN may not dial is refused when it is set.
func TestAForwardLeadsSomewhere(t *testing.T) {
	t.Parallel()
	o := &options{environ: environ(), configFile: writeConfig(t, `
dns: [{numbers: [5001-5003]}]
trunks: [{name: carrier, kind: peer, host: "192.0.2.1:5060"}]
`)}
	cfg, _, err := o.load()
	require.NoError(t, err)
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	plan, err := numbering.New(cfg, dns)
	require.NoError(t, err)
	registry := agent.NewRegistry("n1", agent.Fanout{})
	registry.Add("5001", 2)
	registry.SetService("pbx1", "5001", true)
	door := agentDoor{registry, planPort{plan: plan, calls: cfg.Calls}, func() {}}
	for _, number := range []string{"+870123", "%%%"} {
		_, err = door.Do(agent.Command{DN: "5001", Verb: agent.VerbSetForward, To: number})
		var refused *bridge.TargetError
		require.ErrorAs(t, err, &refused)
	}
	v, err := door.Do(agent.Command{DN: "5001", Verb: agent.VerbSetForward, To: "5002"})
	require.NoError(t, err)
	require.Equal(t, "5002", v.Forward)
	var forwarded *bridge.ForwardedError
	require.ErrorAs(t, agentsPort{registry}.Reserve("5001", "i1", bridge.CallingDN), &forwarded)
	require.Equal(t, "5002", forwarded.To)
	require.NoError(t, agentsPort{registry}.Reserve("5001", "i1", bridge.CallingOwn), "the DN's own call")
}
