package ari_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/testkit/fakeari"
)

// carriers runs a test over both ways that requests can take.
func carriers(t *testing.T, test func(t *testing.T, s *fakeari.Server, c *ari.Client)) {
	t.Helper()
	for name, carrier := range map[string]ari.Carrier{"http": ari.OverHTTP, "socket": ari.OverSocket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fakeari.New(t)
			cfg := fakeConfig(s)
			cfg.RESTOver, cfg.Timeout = carrier, limit
			c := connect(t, cfg)
			expect[*ari.Connected](t, c.Events())
			test(t, s, c)
		})
	}
}

func last(s *fakeari.Server) fakeari.Request {
	all := s.Requests()
	return all[len(all)-1]
}

func TestParametersAreSentAsAsteriskReadsThem(t *testing.T) {
	t.Parallel()
	carriers(t, func(t *testing.T, s *fakeari.Server, c *ari.Client) {
		ok := func(fakeari.Request) fakeari.Response {
			return fakeari.Response{Status: 200, Body: `{"id":"c 1","state":"Down"}`}
		}
		s.On(http.MethodPost, "/channels/create", ok)
		s.On(http.MethodPost, "/channels/{channelId}/dial", func(fakeari.Request) fakeari.Response { return fakeari.Response{Status: 204} })
		s.On(http.MethodPost, "/channels/{channelId}/dtmf", func(fakeari.Request) fakeari.Response { return fakeari.Response{Status: 204} })
		s.On(http.MethodPost, "/bridges/{bridgeId}/addChannel", func(fakeari.Request) fakeari.Response { return fakeari.Response{Status: 204} })

		got, err := c.Channels().Create(t.Context(), ari.ChannelCreateParams{
			Endpoint: "PJSIP/5001&x=y", App: "app", ChannelID: "c 1", AppArgs: "a,b",
			Variables: ari.Vars{"PJSIP_HEADER(add,X-A)": {Value: "1"}, "S": {Value: "2", Report: true}},
		})
		require.NoError(t, err)
		require.Equal(t, ari.ChannelStateDown, got.State)
		r := last(s)
		require.Equal(t, "PJSIP/5001&x=y", r.Query.Get("endpoint"))
		require.Equal(t, "a,b", r.Query.Get("appArgs"))
		require.False(t, r.Query.Has("originator"))
		require.JSONEq(t, `{"variables":{"PJSIP_HEADER(add,X-A)":{"value":"1"},"S":{"value":"2","report_events":true}}}`, r.Body)

		ch := c.Channel(ari.ChannelID("c/1 ?#"))
		require.NoError(t, ch.Dial(t.Context(), ari.ChannelDialParams{Timeout: 1500 * time.Millisecond}))
		require.Equal(t, "/channels/c%2F1%20%3F%23/dial", last(s).Path)
		require.Equal(t, "2", last(s).Query.Get("timeout"), "rounded up: zero would mean forever")
		require.NoError(t, ch.Dial(t.Context(), ari.ChannelDialParams{}))
		require.False(t, last(s).Query.Has("timeout"))

		require.NoError(t, ch.SendDTMF(t.Context(), ari.ChannelSendDTMFParams{DTMF: "1#", Between: new(time.Duration), Duration: new(250 * time.Millisecond)}))
		q := last(s).Query
		require.Equal(t, []string{"1#", "0", "250"}, []string{q.Get("dtmf"), q.Get("between"), q.Get("duration")})
		require.False(t, q.Has("before"))

		require.NoError(t, c.Bridge("b").AddChannel(t.Context(), ari.BridgeAddChannelParams{Channel: []ari.ChannelID{"x", "y"}, Mute: true}))
		require.Equal(t, "x,y", last(s).Query.Get("channel"))
		require.Equal(t, "true", last(s).Query.Get("mute"))
	})
}

func TestRefusalsAreTyped(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status  int
		body    string
		want    error
		message string
	}{
		{400, `{"message":"Bad"}`, ari.ErrBadRequest, "Bad"},
		{401, `{"message":"Who"}`, ari.ErrUnauthorized, "Who"},
		{403, `{"message":"No"}`, ari.ErrForbidden, "No"},
		{404, `{"message":"Channel not found"}`, ari.ErrNotFound, "Channel not found"},
		{409, `{"message":"Channel not in Stasis application"}`, ari.ErrConflict, "Channel not in Stasis application"},
		{412, `{"message":"Gone"}`, ari.ErrGone, "Gone"},
		{422, `{"message":"Nope"}`, ari.ErrUnprocessable, "Nope"},
		{500, `{"error":"Allocation failed"}`, ari.ErrAllocationFailed, "Allocation failed"},
		{500, `{"error":"Allocation failed"}`, ari.ErrServer, "Allocation failed"},
		{503, `<html>`, ari.ErrServer, "Service Unavailable"},
	}
	carriers(t, func(t *testing.T, s *fakeari.Server, c *ari.Client) {
		var answer fakeari.Response
		s.On(http.MethodPost, "/channels/{channelId}/answer", func(fakeari.Request) fakeari.Response { return answer })
		for _, tc := range cases {
			answer = fakeari.Response{Status: tc.status, Body: tc.body}
			err := c.Channel("c1").Answer(t.Context())
			require.ErrorIs(t, err, tc.want)
			var refused *ari.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, ari.Error{Op: "channels.answer", Method: http.MethodPost, Path: "/channels/c1/answer", Status: tc.status, Message: tc.message}, *refused)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
		}
		require.NotErrorIs(t, &ari.Error{Status: 500, Message: "other"}, ari.ErrAllocationFailed)
		require.NotErrorIs(t, &ari.Error{Status: 418}, ari.ErrServer)
	})
}

func TestAnswersThatAreNotWhatWasPromised(t *testing.T) {
	t.Parallel()
	carriers(t, func(t *testing.T, s *fakeari.Server, c *ari.Client) {
		for _, body := range []string{"", "garbage", `{"id":7}`, `[`} {
			s.On(http.MethodGet, "/channels/{channelId}", func(fakeari.Request) fakeari.Response {
				return fakeari.Response{Status: 200, Body: body}
			})
			_, err := c.Channel("c1").Get(t.Context())
			require.ErrorContains(t, err, "channels.get", "body %q", body)
		}
	})
}

func TestEveryRequestHasADeadline(t *testing.T) {
	t.Parallel()
	for name, carrier := range map[string]ari.Carrier{"http": ari.OverHTTP, "socket": ari.OverSocket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fakeari.New(t)
			cfg := fakeConfig(s)
			cfg.RESTOver = carrier
			c := connect(t, cfg)
			expect[*ari.Connected](t, c.Events())
			c.Close()

			cfg.Timeout = time.Second // connecting has to be through in it, too
			c = connect(t, cfg)
			expect[*ari.Connected](t, c.Events())
			s.On(http.MethodPost, "/channels/{channelId}/ring", func(fakeari.Request) fakeari.Response {
				<-s.Done()
				return fakeari.Response{Status: 204}
			})
			err := c.Channel("c1").Ring(t.Context())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "channels.ring")

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, c.Channel("c1").Ring(ctx), context.Canceled)
		})
	}
}

func TestUnusableIDsNeverLeave(t *testing.T) {
	t.Parallel()
	carriers(t, func(t *testing.T, s *fakeari.Server, c *ari.Client) {
		before := len(s.Requests())
		for _, id := range []ari.ChannelID{"", ".", ".."} {
			require.ErrorIs(t, c.Channel(id).Hangup(t.Context(), ari.ChannelHangupParams{}), ari.ErrInvalidID)
		}
		require.Len(t, s.Requests(), before)
	})
}

func TestAnswersOverTheSocketFindTheirCallers(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	cfg := fakeConfig(s)
	cfg.RESTOver = ari.OverSocket
	c := connect(t, cfg)
	expect[*ari.Connected](t, c.Events())
	const n = 20
	var arrived sync.WaitGroup
	arrived.Add(n)
	s.On(http.MethodGet, "/channels/{channelId}", func(r fakeari.Request) fakeari.Response {
		// All requests are in flight before the first answer: their order is then anybody's.
		arrived.Done()
		arrived.Wait()
		return fakeari.Response{Status: 200, Body: fmt.Sprintf(`{"id":%q}`, strings.TrimPrefix(r.Path, "/channels/"))}
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			id := ari.ChannelID(fmt.Sprint("c", i))
			got, err := c.Channel(id).Get(t.Context())
			if err != nil || got.ID != id {
				t.Errorf("asked for %s, got %s, %v", id, got.ID, err)
			}
		})
	}
	wg.Wait()
}

func TestSocketLossFailsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	cfg := fakeConfig(s)
	cfg.RESTOver = ari.OverSocket
	c := connect(t, cfg)
	conn := s.Accept()
	expect[*ari.Connected](t, c.Events())
	s.RefuseSockets(http.StatusServiceUnavailable)
	s.On(http.MethodPost, "/channels/{channelId}/ring", func(fakeari.Request) fakeari.Response {
		conn.Drop()
		<-s.Done()
		return fakeari.Response{Status: 204}
	})
	require.ErrorIs(t, c.Channel("c1").Ring(t.Context()), ari.ErrConnectionLost)
	expect[*ari.Disconnected](t, c.Events())
	require.ErrorIs(t, c.Channel("c1").Ring(t.Context()), ari.ErrNotConnected)
}

func TestAConsumerOfEventsMayAskOverTheSocket(t *testing.T) {
	t.Parallel()
	s := fakeari.New(t)
	cfg := fakeConfig(s)
	cfg.RESTOver = ari.OverSocket
	c := connect(t, cfg)
	conn := s.Accept()
	s.On(http.MethodGet, "/channels/{channelId}", func(fakeari.Request) fakeari.Response {
		for range 100 {
			conn.Send(stasisStart)
		}
		return fakeari.Response{Status: 200, Body: `{"id":"c1"}`}
	})
	// Nobody reads Events meanwhile.
	_, err := c.Channel("c1").Get(t.Context())
	for errors.Is(err, ari.ErrNotConnected) {
		_, err = c.Channel("c1").Get(t.Context())
	}
	require.NoError(t, err)
}

func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	cfg := ari.Config{URL: "http://127.0.0.1:1/ari", User: "u", Password: "topsecret", App: "app"}
	c := connect(t, cfg)
	err := c.Channel("c1").SetChannelVar(t.Context(), ari.ChannelSetChannelVarParams{Variable: "PIN", Value: "12345"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "12345")
	require.NotContains(t, err.Error(), "topsecret")
	require.ErrorContains(t, err, "/channels/c1/variable")
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	cfg := ari.Config{User: "u", Password: "topsecret"}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "password", cfg.Password)
	raw, err := json.Marshal(cfg.Password)
	require.NoError(t, err)
	for _, out := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v %#v %s %q", cfg, cfg, cfg.Password, cfg.Password), log.String(), string(raw)} {
		require.NotContains(t, out, "topsecret")
	}
}
