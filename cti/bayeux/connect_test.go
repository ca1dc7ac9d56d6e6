package bayeux_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// inBubble runs a test in virtual time, with a server that is closed at its end.
func inBubble(t *testing.T, opts bayeux.Options, test func(t *testing.T, s *bayeux.Server)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newServer(t, opts)) })
}

type sessions interface {
	Sessions(principal string) []*bayeux.Session
}

func only(t testing.TB, s sessions, principal string) *bayeux.Session {
	t.Helper()
	all := s.Sessions(principal)
	require.Len(t, all, 1)
	return all[0]
}

func TestConnect15FirstAnsweredAtOnce(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		for _, advice := range []any{nil, msg{"timeout": 0}, msg{"timeout": 60000}} {
			c := newClient(t, s, "anna")
			c.handshake()
			m := c.connectMsg()
			m["advice"] = advice
			began := time.Now()
			reply := c.post(m).one()
			require.Zero(t, time.Since(began))
			require.Equal(t, true, reply["successful"])
			require.Equal(t, "9", reply["id"])
			requireAdvice(t, reply, "retry")
		}
	})
}

func TestConnect16HeldForTimeout(t *testing.T) {
	inBubbles(t, bayeux.Options{Timeout: 20 * time.Second}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		for range 3 {
			began := time.Now()
			reply := c.connect().one()
			require.Equal(t, 20*time.Second, time.Since(began))
			require.Equal(t, true, reply["successful"])
			requireAdvice(t, reply, "retry")
		}
	})
}

func TestConnect16RequestTimeoutShortensButNeverLengthens(t *testing.T) {
	inBubbles(t, bayeux.Options{Timeout: 20 * time.Second}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		for wish, want := range map[float64]time.Duration{0: 0, 5000: 5 * time.Second, 1e300: 20 * time.Second, -7: 0} {
			m := c.connectMsg()
			m["advice"] = msg{"timeout": wish}
			began := time.Now()
			c.post(m).one()
			require.Equal(t, want, time.Since(began), wish)
		}
	})
}

func TestConnect17EventWakes(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.subscribe("/call/state")
		held := c.connect()
		pass(3 * time.Second)
		synctest.Wait()
		require.False(t, held.finished())
		began := time.Now()
		require.NoError(t, s.Publish(event(t, "/call/state", msg{"n": 1})))
		events, reply := held.last()
		require.Zero(t, time.Since(began))
		require.Equal(t, []msg{{"channel": "/call/state", "data": msg{"n": 1.0}}}, events)
		require.Equal(t, true, reply["successful"])
	})
}

func TestConnect18DuplicateEndsOlder(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		older := c.connect()
		synctest.Wait()
		newer := c.connect()
		synctest.Wait()
		require.True(t, older.finished())
		if s.socket {
			reply := older.one()
			require.Equal(t, "400::connect_duplicated", reply["error"])
			requireAdvice(t, reply, "retry")
		} else {
			require.Equal(t, http.StatusConflict, older.Code)
		}
		require.False(t, newer.finished())
		require.NoError(t, only(t, s, "anna").Deliver(event(t, "/a", 1)))
		events, _ := newer.last()
		require.Len(t, events, 1)
	})
}

func TestConnect19CompaniedIsNotHeld(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		sub := msg{"channel": "/meta/subscribe", "clientId": c.id, "id": "2", "subscription": "/a"}
		began := time.Now()
		list := c.post(c.connectMsg(), sub).messages()
		require.Zero(t, time.Since(began))
		require.Len(t, list, 2)
		require.Equal(t, "/meta/subscribe", list[0]["channel"])
		require.Equal(t, "/meta/connect", list[1]["channel"])

		list = c.post(c.connectMsg(), c.connectMsg()).messages()
		require.Equal(t, "400::connect_duplicated", list[0]["error"])
		requireAdvice(t, list[0], "retry")
		require.Equal(t, true, list[1]["successful"])
	})
}

func TestConnect20UnknownSession(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		for id, want := range map[string]string{"": "401::client_id_missing", "nosuchclient": "402::session_unknown"} {
			c.id = id
			reply := c.post(c.connectMsg()).one()
			require.Equal(t, false, reply["successful"])
			require.Equal(t, want, reply["error"])
			require.EqualValues(t, 0, requireAdvice(t, reply, "handshake")["interval"])
		}
	})
}

func TestConnect20RehandshakesAreSpread(t *testing.T) {
	eachTransport(t, bayeux.Options{RehandshakeSpread: time.Minute}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		c.id = "lostinrestart"
		seen := map[any]bool{}
		for range 20 {
			interval := requireAdvice(t, c.post(c.connectMsg()).one(), "handshake")["interval"]
			require.Less(t, interval, 60000.0)
			seen[interval] = true
		}
		require.Greater(t, len(seen), 10)
	})
}

func TestConnect20WrongConnectionType(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		m := c.connectMsg()
		m["connectionType"] = "callback-polling"
		reply := c.post(m).one()
		require.Equal(t, "400::connection_type_unsupported", reply["error"])
		requireAdvice(t, reply, "handshake")
		m["connectionType"], m["id"] = "long-polling", "<&>"
		reply = c.post(m).one()
		require.Equal(t, "405::message_id_invalid", reply["error"])
		requireAdvice(t, reply, "retry")
	})
}

func TestConnect21ForeignPrincipalAndCookie(t *testing.T) {
	t.Parallel()
	for _, bind := range []bool{false, true} {
		s := newServer(t, bayeux.Options{BindCookie: bind})
		anna := connected(t, s, "anna")
		thief := newClient(t, s, "berta")
		thief.id, thief.cookie = anna.id, anna.cookie
		_, reply := thief.poll()
		require.Equal(t, "402::session_unknown", reply["error"])
		requireAdvice(t, reply, "handshake")
		require.Equal(t, "402::session_unknown", thief.subscribe("/a")["error"])
		require.Equal(t, "402::session_unknown", thief.post(msg{"channel": "/meta/disconnect", "clientId": anna.id}).one()["error"])

		for _, cookie := range []string{"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
			other := newClient(t, s, "anna")
			other.id, other.cookie = anna.id, cookie
			_, reply = other.poll()
			require.Equal(t, !bind, reply["successful"], "cookie %q, bound: %v", cookie, bind)
		}
		_, reply = anna.poll()
		require.Equal(t, true, reply["successful"], "the session outlives the attempts")
	}
}

func TestConnect21RevokedCredentials(t *testing.T) {
	policy := &house{}
	eachTransport(t, bayeux.Options{Policy: policy}, func(t *testing.T, s *rig) {
		anna := connected(t, s, "anna")
		policy.revoke("anna")
		defer policy.revoke("")
		_, reply := anna.poll()
		require.Equal(t, "401::authentication_invalid", reply["error"])
		requireAdvice(t, reply, "none")
		reply = anna.subscribe("/a")
		require.Equal(t, "401::authentication_invalid", reply["error"])
		require.NotContains(t, reply, "advice")
	})
}

func TestConnect23AbortKeepsQueue(t *testing.T) {
	inBubble(t, bayeux.Options{}, func(t *testing.T, s *bayeux.Server) {
		c := connected(t, s, "anna")
		ctx, cancel := context.WithCancel(t.Context())
		held := c.start(ctx, c.connectMsg())
		synctest.Wait()
		cancel()
		<-held.done
		require.Empty(t, held.Body.String())
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/a", 1), event(t, "/a", 2)))
		events, _ := c.connect().last()
		require.Len(t, events, 2)
	})
}

var errBroken = errors.New("connection reset by the test")

func TestConnect23FailedWriteKeepsQueue(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	c := connected(t, s, "anna")
	session := only(t, s, "anna")
	require.NoError(t, session.Deliver(event(t, "/a", 1)))
	broken := hookWriter{httptest.NewRecorder(), func() error {
		assert.NoError(t, session.Deliver(event(t, "/a", 2)))
		return errBroken
	}}
	s.ServeHTTP(broken, c.request(t.Context(), c.encode(c.connectMsg())))
	require.NoError(t, session.Deliver(event(t, "/a", 3)))
	events, _ := c.poll()
	require.Equal(t, []msg{{"channel": "/a", "data": 1.0}, {"channel": "/a", "data": 2.0}, {"channel": "/a", "data": 3.0}}, events)
}

func TestConnect24ExpiresAfterMaxInterval(t *testing.T) {
	ends := make(chan bayeux.CloseReason, 10)
	opts := bayeux.Options{
		Timeout: time.Minute, Interval: 2 * time.Second, MaxInterval: 10 * time.Second,
		Hooks: bayeux.Hooks{OnClose: func(_ *bayeux.Session, r bayeux.CloseReason) { ends <- r }},
	}
	inBubbles(t, opts, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		c.connect().one() // held for longer than interval + maxInterval, and alive after it
		pass(12*time.Second - time.Millisecond)
		synctest.Wait()
		require.Empty(t, session.Reason(), "expired early")
		c.subscribe("/a") // any sign of life starts the clock anew
		pass(12*time.Second - time.Millisecond)
		synctest.Wait()
		require.Empty(t, session.Reason(), "expired although its client spoke")
		pass(time.Second)
		synctest.Wait()
		require.Equal(t, bayeux.ReasonExpired, session.Reason())
		<-session.Done()
		require.Equal(t, bayeux.ReasonExpired, <-ends)
		require.Zero(t, s.Stats().Sessions)
		require.ErrorIs(t, session.Deliver(event(t, "/a", 1)), bayeux.ErrClosed)
		_, reply := c.poll()
		require.Equal(t, "402::session_unknown", reply["error"])
	})
}

func TestConnect24NeverConnected(t *testing.T) {
	inBubbles(t, bayeux.Options{MaxInterval: 10 * time.Second}, func(t *testing.T, s *rig) {
		newClient(t, s, "anna").handshake()
		pass(11 * time.Second)
		synctest.Wait()
		require.Zero(t, s.Stats().Sessions)
	})
}

func TestConnect25Batch(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		held := c.connect()
		synctest.Wait()
		session.Batch(func() {
			for i := range 3 {
				session.Batch(func() { require.NoError(t, session.Deliver(event(t, "/a", i))) })
				pass(time.Second)
			}
			synctest.Wait()
			require.False(t, held.finished())
		})
		began := time.Now()
		events, _ := held.last()
		require.Len(t, events, 3)
		require.Zero(t, time.Since(began))

		c.subscribe([]string{"/a", "/b"})
		held = c.connect()
		synctest.Wait()
		require.NoError(t, s.Publish(event(t, "/a", 1), event(t, "/c", 2), event(t, "/b", 3)))
		events, _ = held.last()
		require.Equal(t, []msg{{"channel": "/a", "data": 1.0}, {"channel": "/b", "data": 3.0}}, events)
	})
}

func TestConnect26RequestInterval(t *testing.T) {
	inBubbles(t, bayeux.Options{MaxInterval: 10 * time.Second}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		m := c.connectMsg()
		m["advice"] = msg{"timeout": 0, "interval": 8000}
		require.EqualValues(t, 8000, requireAdvice(t, c.post(m).one(), "retry")["interval"])
		pass(18*time.Second - time.Millisecond)
		synctest.Wait()
		require.Empty(t, session.Reason())
		_, reply := c.poll() // the wish held for one connect
		require.EqualValues(t, 0, requireAdvice(t, reply, "retry")["interval"])
		pass(11 * time.Second)
		synctest.Wait()
		require.Equal(t, bayeux.ReasonExpired, session.Reason())
	})
}

func TestConnect27TabsOfOneBrowser(t *testing.T) {
	inBubble(t, bayeux.Options{MaxHoldsPerBrowser: 1}, func(t *testing.T, s *bayeux.Server) {
		first := connected(t, s, "anna")
		second := newClient(t, s, "anna")
		second.cookie = first.cookie
		second.handshake()
		second.poll()

		crowded := func() bool {
			t.Helper()
			probe := second.connect()
			synctest.Wait()
			if !probe.finished() {
				require.NoError(t, sessionOf(s, second).Deliver(event(t, "/free", 1)))
				_, reply := probe.last()
				require.NotContains(t, requireAdvice(t, reply, "retry"), "multiple-clients")
				return false
			}
			a := requireAdvice(t, probe.one(), "retry")
			require.Equal(t, true, a["multiple-clients"])
			require.EqualValues(t, 2000, a["interval"])
			return true
		}
		require.False(t, crowded())

		var cancel context.CancelFunc
		ends := map[string]func(){
			"abort":    func() { cancel() },
			"event":    func() { require.NoError(t, sessionOf(s, first).Deliver(event(t, "/a", 1))) },
			"timeout":  func() { pass(bayeux.DefaultTimeout) },
			"replaced": func() { first.poll() },
		}
		for name, end := range ends {
			var ctx context.Context
			ctx, cancel = context.WithCancel(t.Context())
			held := first.start(ctx, first.connectMsg())
			synctest.Wait()
			require.True(t, crowded(), name)
			end()
			<-held.done
			synctest.Wait()
			require.False(t, crowded(), name)
			cancel()
		}
		held := first.connect()
		synctest.Wait()
		require.True(t, crowded())
		first.post(msg{"channel": "/meta/disconnect", "clientId": first.id})
		<-held.done
		require.False(t, crowded(), "disconnect")
	})
}

// TestConnect27OfTheSameTab: a page that was reloaded, or whose network changed, comes before its old connect is known to be lost,
// and takes its place.
func TestConnect27OfTheSameTab(t *testing.T) {
	inBubble(t, bayeux.Options{MaxHoldsPerBrowser: 1}, func(t *testing.T, s *bayeux.Server) {
		c := connected(t, s, "anna")
		for range 20 {
			older := c.connect()
			synctest.Wait()
			newer := c.connect()
			synctest.Wait()
			require.Equal(t, http.StatusConflict, older.Code)
			require.False(t, newer.finished(), "%s", newer.Body)
			require.NoError(t, only(t, s, "anna").Deliver(event(t, "/a", 1)))
			_, reply := newer.last()
			require.NotContains(t, requireAdvice(t, reply, "retry"), "multiple-clients")
		}
	})
}

// stuckWriter takes nothing until its deadline.
type stuckWriter struct {
	*httptest.ResponseRecorder
	deadline chan time.Time
}

func (w stuckWriter) SetWriteDeadline(t time.Time) error {
	select {
	case <-w.deadline:
	default:
	}
	w.deadline <- t
	return nil
}

func (w stuckWriter) Write([]byte) (int, error) {
	for {
		until := <-w.deadline
		select {
		case w.deadline <- until:
		default: // a new one
		}
		if !time.Now().Before(until) {
			return 0, errBroken
		}
		pass(10 * time.Millisecond)
	}
}

// TestConnect23StuckWriteHoldsUpNobody: the network has changed under the client while a reply was on its way.
func TestConnect23StuckWriteHoldsUpNobody(t *testing.T) {
	inBubble(t, bayeux.Options{}, func(t *testing.T, s *bayeux.Server) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/a", 1)))
		stuck := stuckWriter{httptest.NewRecorder(), make(chan time.Time, 1)}
		r := c.request(t.Context(), c.encode(c.connectMsg()))
		go s.ServeHTTP(stuck, r) // joined by the bubble
		pass(time.Second)
		require.NoError(t, session.Deliver(event(t, "/a", 2)))
		began := time.Now()
		events, _ := c.poll()
		require.Equal(t, "12", data(events))
		require.Less(t, time.Since(began), time.Second)
	})
}

func sessionOf(s sessions, c *client) *bayeux.Session {
	for _, session := range s.Sessions(c.token) {
		if session.ID() == c.id {
			return session
		}
	}
	return nil
}

func TestConnect28TabsOverHTTP2(t *testing.T) {
	inBubble(t, bayeux.Options{MaxHoldsPerBrowser: 1}, func(t *testing.T, s *bayeux.Server) {
		first := connected(t, s, "anna")
		second := connected(t, s, "anna")
		second.cookie = first.cookie
		var held []*answer
		for _, c := range []*client{first, second} {
			r := c.request(t.Context(), c.encode(c.connectMsg()))
			r.ProtoMajor, r.ProtoMinor, r.Proto = 2, 0, "HTTP/2.0"
			a := &answer{ResponseRecorder: httptest.NewRecorder(), t: t, done: make(chan struct{})}
			go func() { defer close(a.done); s.ServeHTTP(a, r) }()
			held = append(held, a)
		}
		synctest.Wait()
		for _, a := range held {
			require.False(t, a.finished())
		}
		for _, a := range held {
			a.one()
		}
	})
}

func TestConnect29OverflowEndsSession(t *testing.T) {
	ends := make(chan string, 10)
	opts := bayeux.Options{MaxQueue: 3, Hooks: bayeux.Hooks{OnClose: func(s *bayeux.Session, r bayeux.CloseReason) {
		ends <- fmt.Sprint(s.Principal().ID(), " ", r)
	}}}
	inBubbles(t, opts, func(t *testing.T, s *rig) {
		slow, quick := connected(t, s, "slow"), connected(t, s, "quick")
		slow.subscribe("/a")
		quick.subscribe("/a")
		session := only(t, s, "slow")
		for i := range 4 {
			held := quick.connect()
			synctest.Wait()
			require.NoError(t, s.Publish(event(t, "/a", i)))
			events, _ := held.last()
			require.Len(t, events, 1)
		}
		require.Equal(t, bayeux.ReasonOverflow, session.Reason())
		require.Equal(t, "slow overflow", <-ends)
		events, reply := slow.poll()
		require.Empty(t, events)
		require.Equal(t, "402::session_unknown", reply["error"])
		requireAdvice(t, reply, "handshake")

		// A batch can overflow under a held connect.
		held := quick.connect()
		synctest.Wait()
		session = only(t, s, "quick")
		session.Batch(func() {
			require.NoError(t, session.Deliver(event(t, "/a", 1), event(t, "/a", 2), event(t, "/a", 3)))
			require.ErrorIs(t, session.Deliver(event(t, "/a", 4)), bayeux.ErrOverflow)
		})
		began := time.Now()
		reply = held.one()
		require.Zero(t, time.Since(began))
		require.Equal(t, "402::session_unknown", reply["error"])
		requireAdvice(t, reply, "handshake")
		require.Equal(t, "quick overflow", <-ends)
	})
}
