package bayeux_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

func TestDisconnect48And49(t *testing.T) {
	ends := make(chan bayeux.CloseReason, 1)
	hooks := bayeux.Hooks{OnClose: func(_ *bayeux.Session, r bayeux.CloseReason) { ends <- r }}
	inBubbles(t, bayeux.Options{Hooks: hooks}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.subscribe("/a")
		held := c.connect()
		synctest.Wait()
		began := time.Now()
		reply := c.post(msg{"channel": "/meta/disconnect", "clientId": c.id, "id": "8"}).one()
		require.Equal(t, msg{"channel": "/meta/disconnect", "id": "8", "successful": true}, reply)
		requireAdvice(t, held.one(), "none")
		require.Zero(t, time.Since(began))
		require.Equal(t, bayeux.ReasonDisconnect, <-ends)
		require.Zero(t, s.Stats().Sessions)
		require.Equal(t, "402::session_unknown", c.subscribe("/a")["error"])
		_, reply = c.poll()
		require.Equal(t, "402::session_unknown", reply["error"])
	})
}

func TestDisconnect50ByTheServer(t *testing.T) {
	opts := bayeux.Options{MaxInterval: 10 * time.Second}
	inBubbles(t, opts, func(t *testing.T, s *rig) {
		goodbye := msg{"channel": "/meta/disconnect", "successful": true}
		for _, isHeld := range []bool{true, false} {
			c := connected(t, s, "anna")
			session := only(t, s, "anna")
			var held *answer
			if isHeld {
				held = c.connect()
				synctest.Wait()
			}
			session.Batch(func() {
				require.NoError(t, session.Deliver(event(t, "/a", "last words")))
				session.Close("logged out")
				session.Close("logged out twice")
			})
			require.Equal(t, bayeux.CloseReason("logged out"), session.Reason())
			require.Empty(t, s.Sessions("anna"))
			require.ErrorIs(t, session.Deliver(event(t, "/a", 1)), bayeux.ErrClosed)
			if !isHeld {
				require.Equal(t, "402::session_unknown", c.subscribe("/a")["error"])
				late := c.post(msg{"channel": "/open/a", "clientId": c.id, "data": 1}).one()
				require.Equal(t, "402::session_unknown", late["error"], "the application has heard that it's over")
				held = c.connect()
			}
			list := held.messages()
			require.Equal(t, []msg{{"channel": "/a", "data": "last words"}, goodbye}, list[:2])
			requireAdvice(t, list[2], "none")
			synctest.Wait()
			require.Zero(t, s.Stats().Sessions)
			_, reply := c.poll()
			require.Equal(t, "402::session_unknown", reply["error"])
		}

		newClient(t, s, "berta").handshake()
		only(t, s, "berta").Close("nobody will come")
		require.Equal(t, 1, s.Stats().Sessions)
		pass(11 * time.Second)
		synctest.Wait()
		require.Zero(t, s.Stats().Sessions, "a farewell doesn't wait for ever")
	})
}

// hookWriter does something while a reply is being written.
type hookWriter struct {
	*httptest.ResponseRecorder
	during func() error
}

func (w hookWriter) Write(b []byte) (int, error) {
	if err := w.during(); err != nil {
		return 0, err
	}
	return w.ResponseRecorder.Write(b)
}

func TestDisconnect50WhileAReplyIsWritten(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	c := connected(t, s, "anna")
	session := only(t, s, "anna")
	w := hookWriter{httptest.NewRecorder(), func() error { session.Close("logged out"); return nil }}
	s.ServeHTTP(w, c.request(t.Context(), c.encode(c.connectMsg(), c.connectMsg())))
	require.NotContains(t, w.Body.String(), "/meta/disconnect", "the reply was on its way")
	events, reply := c.poll()
	require.Equal(t, []msg{{"channel": "/meta/disconnect", "successful": true}}, events)
	requireAdvice(t, reply, "none")
}

func TestDisconnect51ConcurrentWithPublish(t *testing.T) {
	eachTransport(t, bayeux.Options{MaxSessionsPerPrincipal: 1000}, func(t *testing.T, s *rig) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range 500 {
					_ = s.Publish(bayeux.Event{Channel: "/a", Data: []byte("1")})
					for _, session := range s.Sessions("anna") {
						if i%7 == 0 {
							session.Close("shoo")
						}
					}
				}
			})
			wg.Go(func() {
				for i := range 50 {
					c := connected(t, s, "anna")
					c.post(msg{"channel": "/meta/subscribe", "clientId": c.id, "subscription": []string{"/a", "/*"}})
					held := c.connect()
					if i%2 == 0 {
						c.post(msg{"channel": "/meta/disconnect", "clientId": c.id})
					} else if session := sessionOf(s, c); session != nil {
						session.Close("shoo")
					}
					<-held.done
				}
			})
		}
		wg.Wait()
		require.Empty(t, s.Sessions("anna"))
	})
}

func TestCloseAnswersHeldConnectsAndLaterRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ends []bayeux.CloseReason
		var logged bytes.Buffer
		s, err := bayeux.NewServer(bayeux.Options{
			Policy: &house{},
			Logger: slog.New(slog.NewTextHandler(&logged, nil)),
			Hooks:  bayeux.Hooks{OnClose: func(_ *bayeux.Session, r bayeux.CloseReason) { ends = append(ends, r) }},
		})
		require.NoError(t, err)
		c, idle := connected(t, s, "anna"), connected(t, s, "berta")
		held := c.connect()
		synctest.Wait()
		require.NoError(t, s.Close(t.Context()))
		require.Equal(t, []bayeux.CloseReason{bayeux.ReasonShutdown, bayeux.ReasonShutdown}, ends)
		reply := held.one()
		require.Equal(t, true, reply["successful"], "the next server will tell the client that it is unknown")
		require.EqualValues(t, 1000, requireAdvice(t, reply, "retry")["interval"])

		reply = idle.post(idle.connectMsg()).one()
		require.Equal(t, "503::server_closing", reply["error"])
		require.EqualValues(t, 1000, requireAdvice(t, reply, "retry")["interval"])
		reply = idle.post(handshakeMsg()).one()
		require.Equal(t, "503::server_closing", reply["error"])
		requireAdvice(t, reply, "handshake")
		require.NotContains(t, idle.subscribe("/a"), "advice")
		require.NoError(t, s.Close(t.Context()), "closing twice is no mistake")

		require.Contains(t, logged.String(), "bayeux session opened")
		require.Contains(t, logged.String(), "reason=shutdown")
		require.NotContains(t, logged.String(), c.id, "a client id is half a key")
	})
}

func TestCloseGivesUpWithTheContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	entered := make(chan struct{})
	s, err := bayeux.NewServer(bayeux.Options{Policy: &house{}, Hooks: bayeux.Hooks{OnSession: func(*bayeux.Session) {
		close(entered)
		<-release
	}}})
	require.NoError(t, err)
	c := newClient(t, s, "anna")
	pending := c.start(t.Context(), handshakeMsg())
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Close(ctx), context.Canceled)
	close(release)
	<-pending.done
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for want, opts := range map[string]bayeux.Options{
		"Policy is missing":                        {},
		"Timeout is -1s, must not be negative":     {Policy: &house{}, Timeout: -time.Second},
		"MaxQueue is -1, must be at least 1":       {Policy: &house{}, MaxQueue: -1},
		"MaxQueueBytes is -1, must be at least 1":  {Policy: &house{}, MaxQueueBytes: -1},
		"MaxHoldsPerBrowser is -2":                 {Policy: &house{}, MaxHoldsPerBrowser: -2},
		`"*" is not an origin`:                     {Policy: &house{}, AllowedOrigins: []string{"*"}},
		`"https://a.example/" is not an origin`:    {Policy: &house{}, AllowedOrigins: []string{"https://a.example/"}},
		`"HTTPS://a.example" is not an origin`:     {Policy: &house{}, AllowedOrigins: []string{"HTTPS://a.example"}},
		`"ws://a.example" is not an origin, want`:  {Policy: &house{}, AllowedOrigins: []string{"ws://a.example"}},
		`"https://u@a.example" is not an origin, `: {Policy: &house{}, AllowedOrigins: []string{"https://u@a.example"}},
	} {
		_, err := bayeux.NewServer(opts)
		require.ErrorIs(t, err, bayeux.ErrOptions)
		require.ErrorContains(t, err, want)
	}
}

// TestServerTimeouts: neither the timeouts of an http.Server nor our own for one request end a hold, and ours don't
// outlive the request on a connection that is kept.
func TestServerTimeouts(t *testing.T) {
	t.Parallel()
	const limit, hold = time.Second, 3 * time.Second // a starved machine reads and writes in less than the limit
	for _, short := range []time.Duration{0, limit} {
		t.Run(short.String(), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, bayeux.Options{Timeout: hold, WriteTimeout: limit})
			mux := http.NewServeMux()
			mux.Handle("/cometd/", s)
			mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
				<-time.After(limit + limit/2)
				_, _ = w.Write([]byte(`"successful":true`))
			})
			web := httptest.NewUnstartedServer(mux)
			web.Config.ReadTimeout = short
			web.Config.WriteTimeout = short
			web.Start()
			t.Cleanup(web.Close)
			c := connected(t, s, "anna")
			for _, path := range []string{"/cometd/connect", "/cometd/connect", "/slow"} {
				if path == "/slow" && short > 0 {
					continue // the server's own limit holds there
				}
				r := c.request(t.Context(), c.encode(c.connectMsg()))
				r.RequestURI = ""
				r.URL.Scheme, r.URL.Host, r.URL.Path = "http", web.Listener.Addr().String(), path
				response, err := web.Client().Do(r)
				require.NoError(t, err, path)
				require.Equal(t, http.StatusOK, response.StatusCode)
				var body bytes.Buffer
				_, err = body.ReadFrom(response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				require.Contains(t, body.String(), `"successful":true`)
			}
		})
	}
}

func TestHooksAreOrderedPerSession(t *testing.T) {
	steps := make(chan string, 4)
	hooks := bayeux.Hooks{
		OnSession: func(s *bayeux.Session) {
			s.Close("not today")
			synctest.Wait() // OnClose would run now
			steps <- "session"
		},
		OnClose: func(*bayeux.Session, bayeux.CloseReason) { steps <- "close" },
	}
	inBubble(t, bayeux.Options{Hooks: hooks}, func(t *testing.T, s *bayeux.Server) {
		c := newClient(t, s, "anna")
		c.handshake()
		synctest.Wait()
		require.Len(t, steps, 2)
		require.Equal(t, "session", <-steps)
		require.Equal(t, "close", <-steps)
		events, reply := c.poll()
		require.Equal(t, "/meta/disconnect", events[0]["channel"])
		requireAdvice(t, reply, "none")
	})
}
