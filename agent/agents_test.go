package agent_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
)

// desk is a registry with the DNs 5001 and 5002 in service, and what it told.
type desk struct {
	*agent.Registry

	t    *testing.T
	mu   sync.Mutex
	told []agent.Event
}

func (d *desk) PublishDN(e agent.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, e)
}

func policy() agent.Policy {
	return agent.Policy{
		WrapUp: 30 * time.Second, WrapUpKinds: []agent.CallKind{agent.Inbound}, NoAnswer: agent.NotReady, Reason: "RONA", Absence: 5 * time.Minute,
	}
}

func newDesk(t *testing.T, p agent.Policy) *desk {
	t.Helper()
	d := &desk{t: t}
	d.Registry = agent.NewRegistry("n1", d)
	d.SetPolicy(p)
	for _, dn := range []string{"5001", "5002"} {
		d.Add(dn, 2)
		d.SetService("pbx1", dn, true)
	}
	t.Cleanup(d.Close)
	d.take()
	return d
}

// take gives the events since the last take: kinds of 5001, others with their DN.
func (d *desk) take() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	for _, e := range d.told {
		if e.Kind == agent.ActivityChanged {
			continue
		}
		name := string(e.Kind)
		if e.DN.Number != "5001" {
			name = e.DN.Number + ":" + name
		}
		list = append(list, name)
	}
	d.told = nil
	return strings.Join(list, " ")
}

func (d *desk) do(cmd agent.Command) agent.View {
	d.t.Helper()
	if cmd.DN == "" {
		cmd.DN = "5001"
	}
	v, err := d.Do(cmd)
	require.NoError(d.t, err)
	return v
}

func (d *desk) at(dn string) agent.View {
	d.t.Helper()
	v, ok := d.View(dn)
	require.True(d.t, ok)
	return v
}

// ready logs alice in on 5001 and makes her ready.
func (d *desk) ready(mode agent.WorkMode) {
	d.t.Helper()
	d.do(agent.Command{Verb: agent.VerbLogin, AgentID: "alice", Mode: mode})
	d.do(agent.Command{Verb: agent.VerbReady})
	d.take()
}

// call is an inbound call of 5001, answered and ended.
func (d *desk) call(id string, kind agent.CallKind) {
	d.t.Helper()
	require.NoError(d.t, d.Reserve("5001", id))
	d.Answered("5001", id, kind)
	d.Free("5001", id)
}

// The sequence of T-Server: login, not ready, ready, a call, after-call work for its time, ready.
func TestADayOfAnAgent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, policy())
		v := d.do(agent.Command{Verb: agent.VerbLogin, AgentID: "alice"})
		require.Equal(t, "LoggedIn NotReady", d.take())
		require.Equal(t, agent.AutoIn, v.Agent.Login)
		require.Equal(t, agent.AuxWork, v.Agent.Mode)
		require.Equal(t, "alice", d.AgentOf("5001"))
		d.do(agent.Command{Verb: agent.VerbNotReady, Reason: "briefing"})
		v = d.do(agent.Command{Verb: agent.VerbReady})
		require.Equal(t, "NotReady Ready", d.take())
		require.Equal(t, time.Now(), v.ReadySince)

		require.NoError(t, d.ReserveReady("5001", "a"))
		require.Equal(t, "Reserved", d.take())
		require.True(t, d.at("5001").Reserved)
		require.Equal(t, agent.ReceivingCall, d.at("5001").Activity)
		require.NoError(t, d.Reserve("5001", "a"), "the engine's turn for the same call")
		d.Answered("5001", "a", agent.Inbound)
		require.Equal(t, agent.HandlingInboundCall, d.at("5001").Activity)
		require.False(t, d.at("5001").Reserved)
		d.Held("5001", "a")
		require.Equal(t, agent.CallOnHold, d.at("5001").Activity)
		d.Answered("5001", "a", agent.Inbound)
		time.Sleep(time.Minute)
		d.Free("5001", "a")
		require.Equal(t, "AfterCallWork", d.take())
		v = d.at("5001")
		require.Equal(t, agent.Idle, v.Activity)
		require.Equal(t, time.Now(), v.LastCallEnd)
		require.Equal(t, time.Now().Add(30*time.Second), v.Agent.Until)

		time.Sleep(30*time.Second - time.Nanosecond)
		synctest.Wait()
		require.Empty(t, d.take())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Equal(t, "Ready", d.take())
		require.Equal(t, time.Now(), d.at("5001").ReadySince)
		d.do(agent.Command{Verb: agent.VerbLogout})
		require.Equal(t, "alice", d.told[0].AgentID, "who has left")
		require.Equal(t, "LoggedOut", d.take())
		require.Empty(t, d.AgentOf("5001"))
	})
}

func TestAfterCallWork(t *testing.T) {
	t.Parallel()
	later := func(d *desk, by time.Duration) string {
		time.Sleep(by)
		synctest.Wait()
		return d.take()
	}
	for name, run := range map[string]func(t *testing.T, d *desk){
		"ended by ready": func(t *testing.T, d *desk) {
			d.ready("")
			d.call("a", agent.Inbound)
			d.do(agent.Command{Verb: agent.VerbReady})
			require.Equal(t, "Reserved AfterCallWork Ready", d.take())
			require.Empty(t, later(d, time.Hour))
		},
		"extended": func(t *testing.T, d *desk) {
			d.ready("")
			d.call("a", agent.Inbound)
			time.Sleep(20 * time.Second)
			d.do(agent.Command{Verb: agent.VerbAfterCallWork, For: time.Minute})
			d.take()
			require.Empty(t, later(d, time.Minute-time.Nanosecond))
			require.Equal(t, "Ready", later(d, time.Nanosecond))
		},
		"ended by the agent in ManualIn": func(t *testing.T, d *desk) {
			d.ready(agent.ManualIn)
			d.call("a", agent.Inbound)
			require.Equal(t, "Reserved AfterCallWork", d.take())
			require.Empty(t, later(d, time.Hour))
			d.do(agent.Command{Verb: agent.VerbReady})
			require.Equal(t, agent.ManualIn, d.at("5001").Agent.Mode)
		},
		"not after a call of another kind": func(t *testing.T, d *desk) {
			d.ready("")
			d.call("a", agent.Internal)
			require.Equal(t, "Reserved", d.take())
			require.Equal(t, d.at("5001").LastCallEnd, d.at("5001").ReadySince)
		},
		"not when the agent went not ready in the call": func(t *testing.T, d *desk) {
			d.ready("")
			require.NoError(t, d.Reserve("5001", "a"))
			d.Answered("5001", "a", agent.Inbound)
			d.do(agent.Command{Verb: agent.VerbNotReady, Reason: "lunch"})
			d.Free("5001", "a")
			require.Equal(t, "Reserved NotReady", d.take())
		},
		"after the last of two calls": func(t *testing.T, d *desk) {
			d.ready("")
			require.NoError(t, d.Reserve("5001", "a"))
			d.Answered("5001", "a", agent.Inbound)
			d.Occupy("5001", "b")
			d.Free("5001", "a")
			require.Equal(t, "Reserved", d.take())
			d.Free("5001", "b")
			require.Equal(t, "AfterCallWork", d.take())
		},
		"asked for": func(t *testing.T, d *desk) {
			d.ready("")
			d.do(agent.Command{Verb: agent.VerbNotReady, Mode: agent.ModeAfterCallWork})
			require.Equal(t, "AfterCallWork", d.take())
			require.Equal(t, "Ready", later(d, 30*time.Second))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { run(t, newDesk(t, policy())) })
		})
	}
}

func TestACallThatRingsOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		then   agent.State
		events string
		state  agent.State
	}{
		{agent.NotReady, "NotReady", agent.NotReady}, {agent.LoggedOut, "LoggedOut", agent.LoggedOut}, {"", "", agent.Ready},
	} {
		p := policy()
		p.NoAnswer = c.then
		d := newDesk(t, p)
		d.ready("")
		require.NoError(t, d.Reserve("5001", "a"))
		d.take()
		d.Unanswered("5001", "a")
		d.Free("5001", "a")
		require.Equal(t, c.events, d.take())
		v := d.at("5001")
		require.Equal(t, c.state, v.Agent.State)
		require.Zero(t, v.Calls)
		if c.then != "" {
			require.Equal(t, "RONA", v.Agent.Reason)
		}
	}
	d := newDesk(t, policy())
	d.ready("")
	require.NoError(t, d.Reserve("5001", "a"))
	d.Answered("5001", "a", agent.Inbound)
	require.NoError(t, d.Reserve("5001", "b"))
	d.Unanswered("5001", "b")
	d.Unanswered("5001", "a")
	require.Equal(t, agent.Ready, d.at("5001").Agent.State, "who is in a call can't be blamed for a second one")
	require.Equal(t, 1, d.at("5001").Calls, "a call that was answered did not ring out")
}

func TestDNDAndForward(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policy())
	d.do(agent.Command{Verb: agent.VerbDNDOn})
	d.do(agent.Command{Verb: agent.VerbDNDOn})
	require.ErrorIs(t, d.Reserve("5001", "a"), agent.ErrDND)
	require.NoError(t, d.ReserveOwn("5001", "b"), "the DN's own call")
	require.Equal(t, agent.InitiatingCall, d.at("5001").Activity)
	d.Free("5001", "b")
	d.do(agent.Command{Verb: agent.VerbDNDOff})
	d.do(agent.Command{Verb: agent.VerbSetForward, To: "5002"})
	err := d.Reserve("5001", "a")
	var forwarded *agent.ForwardedError
	require.ErrorAs(t, err, &forwarded)
	require.Equal(t, "5002", forwarded.To)
	require.ErrorIs(t, err, agent.ErrForwarded)
	d.do(agent.Command{Verb: agent.VerbCancelForward})
	d.do(agent.Command{Verb: agent.VerbCancelForward})
	require.NoError(t, d.Reserve("5001", "a"))
	require.Equal(t, "DndOn DndOff ForwardSet ForwardCancel", d.take())
}

func TestReserveReady(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policy())
	require.ErrorIs(t, d.ReserveReady("5001", "a"), agent.ErrNotReady)
	d.ready("")
	require.NoError(t, d.ReserveReady("5001", "a"))
	require.NoError(t, d.ReserveReady("5001", "a"), "the same call")
	require.ErrorIs(t, d.ReserveReady("5001", "b"), agent.ErrNotReady)
	d.Free("5001", "a")
	d.do(agent.Command{Verb: agent.VerbDNDOn})
	require.ErrorIs(t, d.ReserveReady("5001", "b"), agent.ErrDND)
	require.ErrorIs(t, d.ReserveReady("6001", "b"), agent.ErrUnknownDN)
}

func TestOneAgentOneDN(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policy())
	d.ready("")
	d.do(agent.Command{Verb: agent.VerbLogin, AgentID: "Alice"})
	require.Empty(t, d.take(), "the same again")
	for _, cmd := range []agent.Command{
		{DN: "5001", Verb: agent.VerbLogin, AgentID: "bob"}, {DN: "5002", Verb: agent.VerbLogin, AgentID: "ALICE"},
	} {
		_, err := d.Do(cmd)
		require.ErrorIs(t, err, agent.ErrLoggedIn)
		require.EqualError(t, err, "agent alice is logged in on DN 5001: log out there first, or have a supervisor force the login")
	}
	require.Empty(t, d.take(), "nothing half done")
	d.do(agent.Command{DN: "5002", Verb: agent.VerbLogin, AgentID: "bob"})
	d.take()
	d.do(agent.Command{DN: "5002", Verb: agent.VerbLogin, AgentID: "alice", Force: true})
	require.Equal(t, "5002:LoggedOut LoggedOut 5002:LoggedIn 5002:NotReady", d.take())
	require.Equal(t, agent.ReasonForced, d.at("5001").Agent.Reason)
	require.Equal(t, "alice", d.AgentOf("5002"))
	d.do(agent.Command{DN: "5001", Verb: agent.VerbLogin, AgentID: "bob"})
}

// Not ready in no mode is another state than AuxWork, and needs no reason even where reasons are prescribed.
func TestNotReadyInNoMode(t *testing.T) {
	t.Parallel()
	p := policy()
	p.Reasons = []string{"lunch"}
	d := newDesk(t, p)
	d.ready("")
	for _, c := range []struct{ asked, is agent.WorkMode }{
		{agent.ModeUnknown, ""}, {agent.AuxWork, agent.AuxWork}, {"", agent.AuxWork}, {agent.ModeUnknown, ""},
	} {
		d.do(agent.Command{Verb: agent.VerbNotReady, Mode: c.asked})
		require.Equal(t, c.is, d.at("5001").Agent.Mode)
		require.Equal(t, agent.NotReady, d.at("5001").Agent.State)
	}
}

func TestBadCommands(t *testing.T) {
	t.Parallel()
	p := policy()
	p.Reasons = []string{"lunch", "briefing"}
	d := newDesk(t, p)
	d.ready("")
	for _, c := range []struct {
		cmd agent.Command
		err string
	}{
		{agent.Command{Verb: agent.VerbLogin}, "agentId: must name the agent"},
		{agent.Command{Verb: agent.VerbLogin, AgentID: "bob", Mode: agent.AuxWork}, "workMode: must be one of AutoIn, ManualIn"},
		{agent.Command{Verb: agent.VerbReady, Mode: "Sometimes"}, "workMode: must be one of AutoIn, ManualIn"},
		{agent.Command{Verb: agent.VerbNotReady, Mode: agent.AutoIn, Reason: "lunch"}, "workMode: must be one of AuxWork, AfterCallWork, LegalGuard, NoCallDisconnect, WalkAway"},
		{agent.Command{Verb: agent.VerbNotReady, Reason: "golf"}, "reason: must be one of lunch, briefing"},
		{agent.Command{Verb: agent.VerbLogout, Reason: strings.Repeat("x", 65)}, "reason: must be at most 64 bytes of valid UTF-8 without control characters"},
		{agent.Command{Verb: agent.VerbLogout, Reason: "a\nb"}, "reason: must be at most 64 bytes of valid UTF-8 without control characters"},
		{agent.Command{Verb: agent.VerbAfterCallWork, For: 5 * time.Hour}, "seconds: must be from 0 to 14400"},
		{agent.Command{Verb: agent.VerbAfterCallWork, For: -1}, "seconds: must be from 0 to 14400"},
		{agent.Command{Verb: agent.VerbSetForward, To: "5001"}, "to: must be a number other than the DN's own"},
		{agent.Command{Verb: agent.VerbSetForward}, "to: must be a number other than the DN's own"},
		{agent.Command{Verb: "sing"}, `"sing": not a command of an agent`},
		{agent.Command{DN: "6001", Verb: agent.VerbDNDOn}, "6001: not a DN of ours"},
		{agent.Command{DN: "5002", Verb: agent.VerbReady}, "5002: no agent is logged in on the DN"},
	} {
		if c.cmd.DN == "" {
			c.cmd.DN = "5001"
		}
		before := d.at("5001")
		_, err := d.Do(c.cmd)
		require.EqualError(t, err, c.err)
		require.Equal(t, before, d.at("5001"))
	}
	require.Empty(t, d.take())
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, policy())
		d.ready("")
		var desktop sync.Map
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { d.Watch(ctx, func(dn string) bool { _, ok := desktop.Load(dn); return ok }) })
		defer work.Wait()
		defer stop()
		time.Sleep(time.Hour)
		require.Equal(t, agent.Ready, d.at("5001").Agent.State, "the phone is there")
		desktop.Store("5001", true)
		d.SetService("pbx1", "5001", false)
		time.Sleep(time.Hour)
		require.Equal(t, agent.Ready, d.at("5001").Agent.State, "the desktop is there")
		desktop.Delete("5001")
		time.Sleep(5*time.Minute - time.Nanosecond)
		require.Equal(t, agent.Ready, d.at("5001").Agent.State, "not for long enough")
		time.Sleep(30 * time.Second)
		require.Equal(t, "OutOfService LoggedOut", d.take())
		require.Equal(t, agent.ReasonAbsence, d.at("5001").Agent.Reason)
	})
}

func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, policy())
		d.ready("")
		d.do(agent.Command{Verb: agent.VerbSetForward, To: "5002"})
		require.Len(t, d.LoggedIn(), 1)
		require.Len(t, d.All(), 2, "with 5002, where nobody is logged in")
		d.do(agent.Command{DN: "5002", Verb: agent.VerbLogin, AgentID: "bob"})
		require.Equal(t, d.All(), d.LoggedIn())
		d.do(agent.Command{DN: "5002", Verb: agent.VerbDNDOn})
		d.do(agent.Command{Verb: agent.VerbAfterCallWork})
		require.NoError(t, d.ReserveOwn("5001", "a"))
		var records []agent.Record
		for _, v := range d.All() {
			records = append(records, v.Record())
		}
		records = append(records, agent.Record{DN: "7001", Agent: agent.Status{State: agent.Ready, AgentID: "carol"}})
		time.Sleep(10 * time.Second)

		again := &desk{t: t}
		again.Registry = agent.NewRegistry("n1", again)
		again.SetPolicy(policy())
		again.Add("5001", 2)
		again.Add("5002", 2)
		again.Restore(records)
		defer again.Close()
		require.Empty(t, again.take())
		v := again.at("5001")
		require.Zero(t, v.Calls, "calls are counted anew")
		require.Equal(t, records[0].Agent, v.Agent)
		require.Equal(t, "5002", v.Forward)
		require.True(t, again.at("5002").DND)
		require.Equal(t, "bob", again.AgentOf("5002"))
		_, err := again.Do(agent.Command{DN: "5001", Verb: agent.VerbLogin, AgentID: "Bob"})
		require.ErrorIs(t, err, agent.ErrLoggedIn)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, "Ready", again.take(), "what was left of after-call work")

		late := &desk{t: t}
		late.Registry = agent.NewRegistry("n1", late)
		late.SetPolicy(policy())
		late.Add("5001", 2)
		late.Restore(records)
		require.Equal(t, agent.Ready, late.at("5001").Agent.State, "its time has passed")
		require.Equal(t, records[0].Agent.Until, late.at("5001").ReadySince)
	})
}

func TestFanout(t *testing.T) {
	t.Parallel()
	var a, b events
	r := agent.NewRegistry("n1", agent.Fanout{&a, &b})
	r.Add("5001", 1)
	r.SetService("pbx1", "5001", true)
	require.Equal(t, a, b)
	require.Len(t, a, 1)
}

// Many at once: the race detector looks on, and the events of a DN are in order.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, policy())
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for n := range 50 {
				id := fmt.Sprint(i, "-", n)
				_, _ = d.Do(agent.Command{DN: "5001", Verb: agent.VerbLogin, AgentID: fmt.Sprint("agent", i), Force: true})
				_, _ = d.Do(agent.Command{DN: "5001", Verb: agent.VerbReady})
				if d.Reserve("5001", id) == nil {
					d.Answered("5001", id, agent.Inbound)
					d.Free("5001", id)
				}
				_ = d.All()
			}
		})
	}
	work.Wait()
	require.Zero(t, d.at("5001").Calls)
	last := agent.LoggedOut
	for _, e := range d.told {
		if e.Kind == agent.Login || e.Kind == agent.Logout {
			require.Equal(t, e.Kind == agent.Login, last == agent.LoggedOut)
		}
		last = e.DN.Agent.State
	}
}
