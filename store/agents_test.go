package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/store"
)

func TestAgentsOutliveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := store.OpenDB(t.Context(), dir)
	require.NoError(t, err)
	none, err := db.Agents(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)

	at := time.UnixMilli(1795208400123).UTC()
	busy := agent.Record{DN: "5001", DND: true, Forward: "+49301234", LastCallEnd: at, Agent: agent.Status{
		State: agent.AfterCallWork, AgentID: "alice", Login: agent.ManualIn, Mode: agent.ModeAfterCallWork, Reason: "notes",
		Since: at, Until: at.Add(time.Minute),
	}}
	away := agent.Record{DN: "5002", Agent: agent.Status{State: agent.LoggedOut, Since: at}}
	require.NoError(t, db.SaveAgents(t.Context(), []agent.Record{busy, away}))
	first, err := db.Agents(t.Context())
	require.NoError(t, err)
	require.Equal(t, []agent.Record{busy, away}, first)
	busy.Agent.State, busy.Agent.Until = agent.Ready, time.Time{}
	require.NoError(t, db.SaveAgents(t.Context(), []agent.Record{busy}))
	require.NoError(t, db.Close())

	db, err = store.OpenDB(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	got, err := db.Agents(t.Context())
	require.NoError(t, err)
	require.Equal(t, []agent.Record{busy, away}, got)

	bad := []agent.Record{{DN: "5001", Agent: agent.Status{State: agent.LoggedOut}}, {DN: "5002", Agent: agent.Status{State: "Asleep"}}}
	require.ErrorContains(t, db.SaveAgents(t.Context(), bad), "DN 5002")
	got, err = db.Agents(t.Context())
	require.NoError(t, err)
	require.Equal(t, busy, got[0], "all or nothing")
}
