package schema_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/follow"
	"sidecar/cti/schema"
	judge "sidecar/internal/testkit/schema"
)

var (
	update = flag.Bool("update", false, "write docs/schemas/events.schema.json anew")
	check  = flag.Bool("check", false, "with -update: write nothing")
)

func document(t testing.TB) []byte {
	t.Helper()
	text, err := schema.Document()
	require.NoError(t, err)
	return text
}

func TestDocument(t *testing.T) {
	t.Parallel()
	const file = "../../docs/schemas/events.schema.json"
	text := document(t)
	judge.New(t, text, "")
	if *update && !*check {
		require.NoError(t, os.WriteFile(file, text, 0o600))
	}
	committed, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(text, committed), "make gen writes it anew")
}

// examples are the encoder's golden files, which docs/cti-events.md shows.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../testdata/encode/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		out[strings.TrimSuffix(filepath.Base(file), ".json")] = text
	}
	return out
}

func TestExamplesAreDescribed(t *testing.T) {
	t.Parallel()
	whole, stored := judge.Closed(t, document(t), ""), judge.Closed(t, document(t), schema.Stored)
	seen := map[string]bool{}
	for name, text := range examples(t) {
		require.NoError(t, whole.Check(text), name)
		var e map[string]any
		require.NoError(t, json.Unmarshal(text, &e))
		seen[e["messageType"].(string)] = true
		delete(e, "cursor")
		delete(e, "seq")
		text, err := json.Marshal(e)
		require.NoError(t, err)
		require.NoError(t, stored.Check(text), name)
		require.Error(t, whole.Check(text), "%s has no place in the feed", name)
	}
	for _, kind := range cti.Kinds() {
		require.True(t, seen[kind.MessageType], "%s has an example", kind.MessageType)
	}
}

// What is documented as always there must be missed, and what is not described must not be there.
func TestBrokenEventsAreFound(t *testing.T) {
	t.Parallel()
	open, closed := judge.New(t, document(t), ""), judge.Closed(t, document(t), "")
	all := examples(t)
	for name, paths := range map[string][]string{
		"Ringing":            {"event", "messageType", "messageId", "eventId", "cursor", "seq", "timestamp", "dn", "call", "call.id", "call.state", "call.capabilities", "attributes", "attributes.ConnID", "attributes.ThisDNRole", "attributes.time.tv_sec"},
		"PartyChanged":       {"attributes.OtherDN", "attributes.ThirdPartyDN"},
		"PartyAdded":         {"attributes.OtherDN"},
		"DtmfSent":           {"attributes.DTMFDigits"},
		"Error":              {"attributes.ErrorMessage"},
		"PrivateInfo":        {"attributes.Extensions"},
		"MonitoringNextCall": {"dn", "attributes.OtherDN"},
		"InService":          {"dn", "dnState", "dnState.inService", "attributes.ThisDN"},
		"Ready":              {"agent", "agentId", "agent.state", "attributes.AgentID"},
		"ForwardSet":         {"attributes.OtherDN"},
		"Call-Established":   {"call", "attributes.CallUUID"},
	} {
		for _, path := range paths {
			require.Error(t, open.Check(change(t, all[name], path, nil)), "%s without %s", name, path)
		}
		require.Error(t, closed.Check(change(t, all[name], "attributes.Surprise", 1)), name)
		require.NoError(t, open.Check(change(t, all[name], "attributes.Surprise", 1)), "%s of a later release", name)
	}
	for path, value := range map[string]any{
		"event": "Rinqing", "messageId": 61, "messageType": "EventHeld", "timestamp": "2026-11-20 21:00:00", "seq": "7", "cursor": "7", "dn": 5001,
		"call.state": "Talking", "call.connId": "12", "call.direction": "sideways", "call.participants": nil, "attributes.ConnID": "x",
		"call.userData": map[string]any{"price": 1.5},
	} {
		require.Error(t, open.Check(change(t, all["Ringing"], path, value)), path)
	}
	require.NoError(t, open.Check(change(t, all["Ringing"], "call.userData", map[string]any{"a": "b", "n": 7, "list": map[string]any{"c": "d"}})))
	require.Error(t, open.Check(change(t, all["Call-Established"], "event", "Released")), "that is EventCallDeleted")
}

// change sets a field, or removes it.
func change(t *testing.T, text []byte, path string, value any) []byte {
	t.Helper()
	var whole map[string]any
	require.NoError(t, json.Unmarshal(text, &whole))
	at, parts := whole, strings.Split(path, ".")
	for _, part := range parts[:len(parts)-1] {
		at = at[part].(map[string]any)
	}
	if value == nil {
		require.Contains(t, at, parts[len(parts)-1], path)
		delete(at, parts[len(parts)-1])
	} else {
		at[parts[len(parts)-1]] = value
	}
	out, err := json.Marshal(whole)
	require.NoError(t, err)
	return out
}

// stand is what snapshots show.
type stand struct{}

func (stand) Calls() []bridge.CallView {
	return []bridge.CallView{{ID: "C", ConnID: 7, Type: bridge.CallInternal, State: bridge.PartyEstablished, StartedAt: time.Now(), Parties: []bridge.PartyView{
		{ID: 1, DN: "5001", Number: "5001", State: bridge.PartyEstablished, Role: bridge.RoleOrigination},
		{ID: 2, DN: "5002", Number: "5002", State: bridge.PartyHeld, Role: bridge.RoleDestination},
	}}}
}

func (stand) DNs() []agent.View {
	return []agent.View{
		{Number: "5001", InService: true, Since: time.Now(), Agent: agent.Status{AgentID: "alice", State: agent.Ready, Mode: agent.AutoIn}},
		{Number: "5002"},
	}
}

func TestSnapshotsAreDescribed(t *testing.T) {
	t.Parallel()
	whole := judge.Closed(t, document(t), "")
	feed := cti.NewFeed(cti.FeedOptions{AgentOf: func(string) string { return "alice" }})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = feed.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	follower, err := follow.New(follow.Options{
		Feed: feed, Snapshot: stand{}, Since: cti.Cursor{Epoch: "before", Seq: 1},
		Sees: func(bridge.DN) bool { return true }, Wants: func(*cti.Event) bool { return true },
	})
	require.NoError(t, err)
	defer follower.Close()
	messages, err := follower.Next(ctx)
	require.NoError(t, err)
	var names []string
	for _, m := range messages {
		require.NoError(t, whole.Check(m.Data), string(m.Data))
		names = append(names, m.Name)
	}
	require.Equal(t, []string{"Reset", "InService", "Ready", "Established", "OutOfService", "Held", "Established", "SnapshotComplete"}, names)

	// The feed adds who works at the DN.
	view := stand{}.Calls()[0]
	feed.PublishCall(bridge.Event{
		ID: "n1-c-1", N: 1, Kind: bridge.EventHeld, Time: time.Now(), Call: view, This: view.Parties[1], Other: view.Parties[0],
		CallState: bridge.CallStateOK, Audience: []bridge.DN{"5002"},
	})
	messages, err = follower.Next(ctx)
	require.NoError(t, err)
	require.Contains(t, string(messages[0].Data), `"agentId":"alice"`)
	require.NoError(t, whole.Check(messages[0].Data), string(messages[0].Data))
}

// Every constant of the types that are listed is in the list.
func TestListsAreComplete(t *testing.T) {
	t.Parallel()
	text := string(document(t))
	for name, dir := range map[string]string{
		"CallType": "../../bridge", "RecordingState": "../../bridge", "MonitorMode": "../../bridge", "MonitorScope": "../../bridge", "Role": "../../bridge",
		"CallState": "../../bridge", "Capability": "../../bridge", "State": "../../agent", "WorkMode": "../../agent", "Activity": "../../agent", "Direction": "..",
	} {
		values := constants(t, dir, name)
		require.NotEmpty(t, values, name)
		for _, value := range values {
			if value == string(agent.ModeUnknown) {
				continue // asked for, and never told
			}
			require.Contains(t, text, `"`+value+`"`, name)
		}
	}
}

// constants reads the constants of a type of text out of a package's sources.
func constants(t *testing.T, dir, name string) (values []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if of, ok := spec.Type.(*ast.Ident); !ok || of.Name != name || len(spec.Values) == 0 {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				value, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				if value != "" {
					values = append(values, value)
				}
			}
			return true
		})
	}
	return values
}

// A type is told from another by name and messageType alone: no event may fit two.
func TestTypesAreOfOneKind(t *testing.T) {
	t.Parallel()
	var doc struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(document(t), &doc))
	names := slices.Sorted(maps.Keys(doc.Defs))
	seen := map[string]bool{}
	for _, kind := range cti.Kinds() {
		require.False(t, seen[kind.MessageType], kind.MessageType)
		seen[kind.MessageType] = true
		require.Contains(t, names, kind.MessageType)
	}
}
