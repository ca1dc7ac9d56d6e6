package agent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
)

func states() []agent.State {
	return []agent.State{agent.LoggedOut, agent.NotReady, agent.Ready, agent.AfterCallWork}
}

func inputs() []agent.InputKind {
	return []agent.InputKind{
		agent.InputLogin, agent.InputLogout, agent.InputReady, agent.InputNotReady, agent.InputAfterCallWork,
		agent.InputCallEnded, agent.InputTimeout, agent.InputNoAnswer,
	}
}

var begin = time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)

// status is an agent who came to that state a minute before the input.
func status(s agent.State) agent.Status {
	st := agent.Status{State: s, AgentID: "alice", Login: agent.AutoIn, Since: begin}
	switch s {
	case agent.LoggedOut:
		return agent.Status{State: s, Since: begin}
	case agent.NotReady:
		st.Mode, st.Reason = agent.AuxWork, "lunch"
	case agent.Ready:
		st.Mode = agent.AutoIn
	case agent.AfterCallWork:
		st.Mode, st.Until = agent.ModeAfterCallWork, begin.Add(2*time.Minute)
	}
	return st
}

// outcome is what a cell of the matrix leads to.
type outcome struct {
	to     agent.State
	events string
	err    error
}

func matrix() map[agent.State]map[agent.InputKind]outcome {
	const out, not, rdy, acw = agent.LoggedOut, agent.NotReady, agent.Ready, agent.AfterCallWork
	none := agent.ErrNotLoggedIn
	return map[agent.State]map[agent.InputKind]outcome{
		out: {
			agent.InputLogin: {not, "LoggedIn NotReady", nil}, agent.InputLogout: {out, "", none},
			agent.InputReady: {out, "", none}, agent.InputNotReady: {out, "", none}, agent.InputAfterCallWork: {out, "", none},
			agent.InputCallEnded: {out, "", nil}, agent.InputTimeout: {out, "", nil}, agent.InputNoAnswer: {out, "", nil},
		},
		not: {
			agent.InputLogin: {not, "", nil}, agent.InputLogout: {out, "LoggedOut", nil},
			agent.InputReady: {rdy, "Ready", nil}, agent.InputNotReady: {not, "NotReady", nil}, agent.InputAfterCallWork: {acw, "AfterCallWork", nil},
			agent.InputCallEnded: {not, "", nil}, agent.InputTimeout: {not, "", nil}, agent.InputNoAnswer: {not, "", nil},
		},
		rdy: {
			agent.InputLogin: {rdy, "", nil}, agent.InputLogout: {out, "LoggedOut", nil},
			agent.InputReady: {rdy, "", nil}, agent.InputNotReady: {not, "NotReady", nil}, agent.InputAfterCallWork: {acw, "AfterCallWork", nil},
			agent.InputCallEnded: {acw, "AfterCallWork", nil}, agent.InputTimeout: {rdy, "", nil}, agent.InputNoAnswer: {not, "NotReady", nil},
		},
		acw: {
			agent.InputLogin: {acw, "", nil}, agent.InputLogout: {out, "LoggedOut", nil},
			agent.InputReady: {rdy, "Ready", nil}, agent.InputNotReady: {not, "NotReady", nil}, agent.InputAfterCallWork: {acw, "AfterCallWork", nil},
			agent.InputCallEnded: {acw, "AfterCallWork", nil}, agent.InputTimeout: {rdy, "Ready", nil}, agent.InputNoAnswer: {not, "NotReady", nil},
		},
	}
}

func names(kinds []agent.EventKind) string {
	text := ""
	for i, k := range kinds {
		if i > 0 {
			text += " "
		}
		text += string(k)
	}
	return text
}

func TestEveryInputInEveryState(t *testing.T) {
	t.Parallel()
	at := begin.Add(time.Minute)
	for _, from := range states() {
		for _, kind := range inputs() {
			want, listed := matrix()[from][kind]
			require.True(t, listed, "%s %s", from, kind)
			in := agent.Input{Kind: kind, At: at, AgentID: "alice", Reason: "meeting", For: time.Minute, Then: agent.NotReady}
			got, events, err := agent.Next(status(from), in)
			require.ErrorIs(t, err, want.err, "%s %s", from, kind)
			require.Equal(t, want.to, got.State, "%s %s", from, kind)
			require.Equal(t, want.events, names(events), "%s %s", from, kind)
			if len(events) == 0 {
				require.Equal(t, status(from), got, "%s %s: without an event nothing has changed", from, kind)
			}
			requireWhole(t, got)
		}
	}
	_, _, err := agent.Next(status(agent.Ready), agent.Input{Kind: "Coffee"})
	require.ErrorIs(t, err, agent.ErrInput)
	_, _, err = agent.Next(status(agent.LoggedOut), agent.Input{Kind: "Coffee"})
	require.ErrorIs(t, err, agent.ErrInput)
}

// requireWhole checks what holds of every status.
func requireWhole(t require.TestingT, s agent.Status) {
	switch s.State {
	case agent.LoggedOut:
		require.Empty(t, s.AgentID)
		require.Empty(t, s.Mode)
		require.Empty(t, s.Login)
	case agent.NotReady:
		require.Contains(t, []agent.WorkMode{agent.AuxWork, agent.LegalGuard, agent.NoCallDisconnect, agent.WalkAway}, s.Mode)
	case agent.Ready:
		require.Equal(t, s.Login, s.Mode)
		require.Empty(t, s.Reason)
	case agent.AfterCallWork:
		require.Equal(t, agent.ModeAfterCallWork, s.Mode)
	default:
		require.Fail(t, "no such state", "%q", s.State)
	}
	if s.State != agent.LoggedOut {
		require.NotEmpty(t, s.AgentID)
		require.Contains(t, []agent.WorkMode{agent.AutoIn, agent.ManualIn}, s.Login)
	}
	if s.State != agent.AfterCallWork {
		require.True(t, s.Until.IsZero())
	}
}

func TestDetailsOfTheMachine(t *testing.T) {
	t.Parallel()
	at := begin.Add(time.Minute)
	next := func(from agent.State, in agent.Input) (agent.Status, string) {
		in.At = at
		got, events, err := agent.Next(status(from), in)
		require.NoError(t, err)
		return got, names(events)
	}
	got, events := next(agent.NotReady, agent.Input{Kind: agent.InputNotReady, Mode: agent.AuxWork, Reason: "lunch"})
	require.Equal(t, "", events, "the same again")
	require.Equal(t, begin, got.Since)
	got, events = next(agent.Ready, agent.Input{Kind: agent.InputReady, Mode: agent.ManualIn})
	require.Equal(t, "Ready", events, "in another mode")
	require.Equal(t, begin, got.Since, "it has waited since then")
	got, _ = next(agent.Ready, agent.Input{Kind: agent.InputCallEnded, For: time.Minute})
	require.Equal(t, at.Add(time.Minute), got.Until)
	got, _ = next(agent.AfterCallWork, agent.Input{Kind: agent.InputAfterCallWork, For: 5 * time.Minute})
	require.Equal(t, at.Add(5*time.Minute), got.Until, "extended")
	require.Equal(t, begin, got.Since)
	got, _ = next(agent.AfterCallWork, agent.Input{Kind: agent.InputAfterCallWork})
	require.True(t, got.Until.IsZero(), "until the agent ends it")
	got, events = next(agent.Ready, agent.Input{Kind: agent.InputNotReady, Mode: agent.ModeAfterCallWork, For: time.Minute})
	require.Equal(t, "AfterCallWork", events, "by its mode")
	require.Equal(t, agent.AfterCallWork, got.State)
	got, events = next(agent.Ready, agent.Input{Kind: agent.InputNoAnswer, Then: agent.LoggedOut, Reason: "no_answer"})
	require.Equal(t, "LoggedOut", events)
	require.Equal(t, "no_answer", got.Reason)
	_, events = next(agent.Ready, agent.Input{Kind: agent.InputNoAnswer})
	require.Equal(t, "", events, "no change is wanted")
}
