package ariswitch_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/internal/testkit/fakeari"
)

// commanding is a switch on a fake Asterisk whose browser DN is 5001.
func commanding(t *testing.T) (*fakeari.Server, *ariswitch.Switch) {
	t.Helper()
	s := fakeari.New(t)
	c := connect(t, s)
	require.NoError(t, c.Ready(t.Context()))
	return s, ariswitch.New([]*ari.Client{c}, func(dn bridge.DN) bool { return dn == "5001" }, ariswitch.Homes{})
}

func answers(s *fakeari.Server, method, path string, status int) {
	s.On(method, path, func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: status, Body: `{"message":"no"}`}
	})
}

func leg(dn bridge.DN) bridge.NewLeg {
	return bridge.NewLeg{
		Channel: bridge.ChannelID{Server: "pbx1", ID: "n1-x.1"}, To: bridge.Endpoint{DN: dn},
		CallerNum: "030", CallerName: "Cust", Originator: bridge.ChannelID{Server: "pbx1", ID: "cust"}, Leg: "the-leg",
	}
}

func last(s *fakeari.Server) fakeari.Request { r := s.Requests(); return r[len(r)-1] }

func TestCreate(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	s.On(http.MethodPost, "/channels/create", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusOK, Body: channel("n1-x.1", "PJSIP/5001-1", "Down", "")}
	})
	variables := func() map[string]string {
		var body struct{ Variables map[string]any }
		require.NoError(t, json.Unmarshal([]byte(last(s).Body), &body), last(s).Body)
		list := map[string]string{}
		for name, v := range body.Variables {
			if object, ok := v.(map[string]any); ok {
				v = object["value"]
			}
			list[name] = v.(string)
		}
		return list
	}
	require.NoError(t, sw.Create(t.Context(), leg("5001")))
	q := last(s).Query
	require.Equal(t, "PJSIP/5001", q.Get("endpoint"))
	require.Equal(t, "n1-x.1", q.Get("channelId"))
	require.Equal(t, "leg", q.Get("appArgs"))
	require.Equal(t, "cust", q.Get("originator"))
	v := variables()
	require.Equal(t, "030", v["CONNECTEDLINE(num,i)"])
	require.Equal(t, "ari-only", v["PJSIP_TRANSFER_HANDLING()"])
	require.Equal(t, "the-leg", v["PJSIP_HEADER(add,"+ariswitch.LegHeader+")"], "the browser's leg finds its channel by it")
	require.Equal(t, "the-leg", v["SIDECAR_LEG"], "and after a restart too")
	require.NoError(t, sw.Create(t.Context(), leg("5002")))
	require.NotContains(t, variables(), "PJSIP_HEADER(add,"+ariswitch.LegHeader+")", "a desk phone has no use for it")

	out := leg("")
	out.Leg = ""
	out.To = bridge.Endpoint{Trunk: "prov", Number: "030999"}
	require.NoError(t, sw.Create(t.Context(), out))
	require.Equal(t, "PJSIP/030999@prov", last(s).Query.Get("endpoint"))
	require.NotContains(t, variables(), "PJSIP_HEADER(add,"+ariswitch.LegHeader+")", "our header leaves the house for nobody else")
}

// A phone that is registered at another server is called through that one, while it can be reached.
func TestCreateAtTheOtherServer(t *testing.T) {
	t.Parallel()
	first, second := fakeari.New(t), fakeari.New(t)
	one, two := connectAs(t, first, "pbx1"), connectAs(t, second, "pbx2")
	require.NoError(t, one.Ready(t.Context()))
	require.NoError(t, two.Ready(t.Context()))
	homes := map[bridge.DN][]bridge.ServerID{"5001": {"pbx2"}, "5002": {"pbx1", "pbx2"}, "5003": nil, "5004": {"pbx1"}}
	sw := ariswitch.New([]*ari.Client{one, two}, func(dn bridge.DN) bool { return dn == "5001" }, ariswitch.Homes{
		Of: func(dn bridge.DN) []bridge.ServerID { return homes[dn] }, Peer: func(s bridge.ServerID) string { return "peer-" + string(s) },
	})
	for _, s := range []*fakeari.Server{first, second} {
		s.On(http.MethodPost, "/channels/create", func(fakeari.Request) fakeari.Response {
			return fakeari.Response{Status: http.StatusOK, Body: channel("n1-x.1", "PJSIP/x-1", "Down", "")}
		})
	}
	for dn, endpoint := range map[bridge.DN]string{
		"5001": "PJSIP/5001@peer-pbx2", "5002": "PJSIP/5002", "5003": "PJSIP/5003", "5004": "PJSIP/5004",
	} {
		require.NoError(t, sw.Create(t.Context(), leg(dn)))
		require.Equal(t, endpoint, last(first).Query.Get("endpoint"))
		require.Equal(t, dn == "5001", strings.Contains(last(first).Body, ariswitch.LegHeader), "the name of the leg goes along")
	}
	far := leg("5004")
	far.Channel.Server = "pbx2"
	require.NoError(t, sw.Create(t.Context(), far))
	require.Equal(t, "PJSIP/5004@peer-pbx1", last(second).Query.Get("endpoint"))
	out := leg("")
	out.To = bridge.Endpoint{Trunk: "prov", Number: "5001"}
	require.NoError(t, sw.Create(t.Context(), out))
	require.Equal(t, "PJSIP/5001@prov", last(first).Query.Get("endpoint"), "a number is no DN")

	two.Close()
	require.ErrorIs(t, sw.Create(t.Context(), leg("5001")), bridge.ErrUnreachable)
	require.NoError(t, sw.Create(t.Context(), leg("5002")))
}

func TestCreateErrors(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	s.On(http.MethodPost, "/channels/create", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusInternalServerError, Body: `{"error":"Allocation Failed"}`}
	})
	require.ErrorIs(t, sw.Create(t.Context(), leg("5001")), bridge.ErrUnreachable, "nobody is registered")
	answers(s, http.MethodPost, "/channels/create", http.StatusConflict)
	require.ErrorIs(t, sw.Create(t.Context(), leg("5001")), bridge.ErrUnreachable, "a conflict with nothing")
	s.On(http.MethodGet, "/channels/{channelId}", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusOK, Body: channel("n1-x.1", "PJSIP/5001-1", "Down", "")}
	})
	require.NoError(t, sw.Create(t.Context(), leg("5001")), "it exists already: a restart asks twice")
	far := leg("5001")
	far.Channel.Server = "pbx9"
	require.ErrorIs(t, sw.Create(t.Context(), far), ariswitch.ErrUnknownServer)
}

func TestWhatIsGoneIsWhatWasWanted(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t) // the fake has nothing: every channel and bridge is a 404
	ch, br := bridge.ChannelID{Server: "pbx1", ID: "c"}, bridge.BridgeID{Server: "pbx1", ID: "b"}
	ctx := t.Context()
	require.NoError(t, sw.Hangup(ctx, ch, 17))
	require.Equal(t, "17", last(s).Query.Get("reason_code"))
	require.NoError(t, sw.Continue(ctx, ch, bridge.Treatment{Context: "c", Extension: "e"}))
	require.NoError(t, sw.Destroy(ctx, br))
	require.NoError(t, sw.Music(ctx, br, "default", false))
	require.NoError(t, sw.ReferResult(ctx, ch, true))
	require.NoError(t, sw.ReferResult(ctx, ch, false))
	require.ErrorIs(t, sw.Answer(ctx, ch), ari.ErrNotFound, "but who is to be answered must be there")
	require.ErrorIs(t, sw.Dial(ctx, ch, bridge.ChannelID{}, time.Second), ari.ErrNotFound)
	require.ErrorIs(t, sw.Join(ctx, br, []bridge.ChannelID{ch}), ari.ErrNotFound)

	answers(s, http.MethodPost, "/channels/{channelId}/continue", http.StatusConflict)
	require.NoError(t, sw.Continue(ctx, ch, bridge.Treatment{Context: "c", Extension: "e"}), "it has left our application")
	answers(s, http.MethodDelete, "/channels/{channelId}", http.StatusInternalServerError)
	require.Error(t, sw.Hangup(ctx, ch, 16))
	answers(s, http.MethodDelete, "/bridges/{bridgeId}/moh", http.StatusConflict)
	require.NoError(t, sw.Music(ctx, br, "default", false), "there is no music to end")
}

func TestJoinTakesTheBridgeThatIsThere(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	answers(s, http.MethodPost, "/bridges/{bridgeId}", http.StatusConflict)
	answers(s, http.MethodPost, "/bridges/{bridgeId}/addChannel", http.StatusNoContent)
	chs := []bridge.ChannelID{{Server: "pbx1", ID: "a"}, {Server: "pbx1", ID: "b"}}
	require.NoError(t, sw.Join(t.Context(), bridge.BridgeID{Server: "pbx1", ID: "n1-x"}, chs))
	require.Equal(t, "a,b", last(s).Query.Get("channel"))
	answers(s, http.MethodPost, "/bridges/{bridgeId}", http.StatusInternalServerError)
	require.ErrorContains(t, sw.Join(t.Context(), bridge.BridgeID{Server: "pbx1", ID: "n1-x"}, chs), "create bridge")
}

// What is no answer of Asterisk leaves open whether it was done; what is one does not.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	s, sw := commanding(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	id, br := bridge.ChannelID{Server: "pbx1", ID: "c"}, bridge.BridgeID{Server: "pbx1", ID: "b"}
	requests := func(ctx context.Context) map[string]error {
		return map[string]error{
			"create": sw.Create(ctx, leg("5001")), "dial": sw.Dial(ctx, id, id, time.Second),
			"answer": sw.Answer(ctx, id), "join": sw.Join(ctx, br, []bridge.ChannelID{id}),
		}
	}
	for name, err := range requests(ctx) {
		require.ErrorIs(t, err, bridge.ErrUnknownOutcome, name)
	}
	answers(s, http.MethodPost, "/channels/create", http.StatusInternalServerError)
	for name, err := range requests(t.Context()) {
		require.Error(t, err, name)
		require.NotErrorIs(t, err, bridge.ErrUnknownOutcome, name)
	}
}
