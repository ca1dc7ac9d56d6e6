package cti_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/cti"
)

func TestSnapshotNamesTheStateOfTheAgent(t *testing.T) {
	t.Parallel()
	for state, want := range map[agent.State]string{
		agent.Ready: "EventAgentReady", agent.NotReady: "EventAgentNotReady", agent.AfterCallWork: "EventAgentAfterCallWork",
	} {
		s := stand{dns: []agent.View{{Number: "5001", InService: true, Agent: agent.Status{State: state, AgentID: "alice"}}}}
		events := cti.Snapshot(s, cti.TopicAgent, cti.Cursor{}, noon(0), everybody)
		require.Len(t, events, 2, state)
		require.Equal(t, "EventDNBackInService", events[0].MessageType)
		require.Equal(t, want, events[1].MessageType)
		require.NotEqual(t, events[0].ID, events[1].ID)
		require.Equal(t, "alice", events[1].AgentID)
		require.Equal(t, state, events[1].Agent.State)
	}
	s := stand{dns: []agent.View{{Number: "5001", Agent: agent.Status{State: agent.LoggedOut}}}}
	events := cti.Snapshot(s, cti.TopicAgent, cti.Cursor{}, noon(0), everybody)
	require.Len(t, events, 1)
	require.Nil(t, events[0].Agent)
}

// A logout names who has left, though nobody works there any more; what T-Library has no event for is not told.
func TestFeedTellsOfAgents(t *testing.T) {
	t.Parallel()
	f := running(t, cti.FeedOptions{})
	sub := subscribe(t, f, cti.SubscribeOptions{})
	view := agent.View{Number: "5001"}
	f.PublishDN(agent.Event{ID: "1", Kind: agent.ActivityChanged, DN: view})
	f.PublishDN(agent.Event{ID: "2", Kind: agent.Logout, AgentID: "alice", DN: view})
	entries, err := sub.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "alice", entries[0].Event.AgentID)
	require.Equal(t, "LoggedOut", entries[0].Event.Name)
}
