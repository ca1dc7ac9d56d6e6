package gws //nolint:testpackage // the decoder has no other door that is as wide

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
)

func TestExtNamesCursors(t *testing.T) {
	t.Parallel()
	k7 := cti.Cursor{Epoch: "k7", Seq: 5}
	for _, c := range []struct {
		ext          string
		agent, state cti.Cursor
		agentNamed   bool
		stateNamed   bool
	}{
		{ext: ``},
		{ext: `null`},
		{ext: `{}`},
		{ext: `{"cursor":""}`},
		{ext: `{"cursor":null}`},
		{ext: `{"cursor":7}`},
		{ext: `{"cursor":{"/user/agent/events":7}}`},
		{ext: `{"cursor":"k7:5"}`, agent: k7, state: k7, agentNamed: true, stateNamed: true},
		{ext: `{"cursor":{"/call/state":"k7:5"}}`, state: k7, stateNamed: true},
		{ext: `{"cursor":{"/call/state":"k7:5","/user/agent/events":"x"}}`, state: k7, stateNamed: true, agentNamed: true},
		{ext: `{"auth":7,"cursor":"k7:5"}`, agent: k7, state: k7, agentNamed: true, stateNamed: true},
	} {
		e := readExt(json.RawMessage(c.ext))
		at, named := e.cursorFor(ChannelAgentEvents)
		require.Equal(t, c.agent, at, c.ext)
		require.Equal(t, c.agentNamed, named, c.ext)
		at, named = e.cursorFor(ChannelCallState)
		require.Equal(t, c.state, at, c.ext)
		require.Equal(t, c.stateNamed, named, c.ext)
	}
}

func FuzzReadExt(f *testing.F) {
	for _, seed := range []string{
		`{"auth":{"token":"t"},"cursor":"k7:5"}`, `{"cursor":{"/call/state":"k7:5"}}`, `{"cursor":[1]}`, `[]`, `{"auth":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := readExt(raw)
		for _, channel := range []string{ChannelAgentEvents, ChannelCallState} {
			at, named := e.cursorFor(channel)
			require.True(t, named || at.IsZero())
		}
	})
}
