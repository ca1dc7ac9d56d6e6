package sip_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// upstreams is a registrar that answers as told and remembers when it was asked.
type upstreams struct {
	mu     sync.Mutex
	asked  []*text
	at     []time.Time
	answer func(n int, req *text) (int, sip.Headers)
}

func (u *upstreams) serve(request string) (int, sip.Headers) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked, u.at = append(u.asked, parseText(request)), append(u.at, time.Now())
	return u.answer(len(u.asked), u.asked[len(u.asked)-1])
}

func (u *upstreams) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.asked)
}

func inUpstream(t *testing.T, answer func(n int, req *text) (int, sip.Headers), f func(t *testing.T, w *world, u *upstreams)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		u := &upstreams{answer: answer}
		w.AnswerRegisters(u.serve)
		f(t, w, u)
	})
}

func granted(seconds int) func(int, *text) (int, sip.Headers) {
	return func(int, *text) (int, sip.Headers) {
		return 200, sip.Headers{{Name: "Expires", Value: fmt.Sprint(seconds)}}
	}
}

func TestUpstreamRegistrationIsRefreshedInTime(t *testing.T) {
	inUpstream(t, granted(600), func(t *testing.T, w *world, u *upstreams) {
		var states []sip.UpstreamState
		r, err := w.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: "192.0.2.5:5060", OnState: func(s sip.UpstreamState) { states = append(states, s) }})
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		require.Greater(t, u.count(), 14)
		for i, req := range u.asked {
			require.Equal(t, u.asked[0].get("Call-ID"), req.get("Call-ID"))
			require.Equal(t, fmt.Sprintf("%d REGISTER", i+1), req.get("CSeq"))
			require.NotEqual(t, "0", req.get("Expires"), "never un-registered, at the start least of all")
			if i > 0 {
				pause := u.at[i].Sub(u.at[i-1])
				require.GreaterOrEqual(t, pause, 300*time.Second)
				require.LessOrEqual(t, pause, 480*time.Second)
			}
		}
		before := u.count()
		require.NoError(t, r.Close(t.Context(), true))
		require.NoError(t, r.Close(t.Context(), true))
		require.Equal(t, before+1, u.count())
		require.Equal(t, "0", u.asked[before].get("Expires"))
		require.Len(t, states, 1, "a refresh is no news")
		require.True(t, states[0].Registered)
	})
}

func TestUpstreamRegistrationBacksOff(t *testing.T) {
	refuse := func(n int, _ *text) (int, sip.Headers) {
		switch {
		case n == 1:
			return 503, sip.Headers{{Name: "Retry-After", Value: "120"}}
		case n < 12:
			return 500, nil
		}
		return 200, nil
	}
	inUpstream(t, refuse, func(t *testing.T, w *world, u *upstreams) {
		up := make(chan sip.UpstreamState, 20)
		r, err := w.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: "192.0.2.5:5060", OnState: func(s sip.UpstreamState) { up <- s }})
		require.NoError(t, err)
		for range 11 {
			var status *sip.StatusError
			require.ErrorAs(t, (<-up).Err, &status)
		}
		require.True(t, (<-up).Registered)
		require.Equal(t, 120*time.Second, u.at[1].Sub(u.at[0]))
		last := u.at[11].Sub(u.at[10])
		require.GreaterOrEqual(t, last, 30*time.Second)
		require.LessOrEqual(t, last, time.Minute)
		require.NoError(t, r.Close(t.Context(), false))
		require.Equal(t, 12, u.count(), "closing without un-registering leaves the binding")
	})
}

func TestUpstreamRegistrationDetails(t *testing.T) {
	brief := func(_ int, req *text) (int, sip.Headers) {
		if req.get("Expires") == "60" {
			return 423, sip.Headers{{Name: "Min-Expires", Value: "300"}}
		}
		return 200, nil
	}
	inUpstream(t, brief, func(t *testing.T, w *world, u *upstreams) {
		for _, bad := range []sip.Upstream{{}, {DN: "5001"}, {Registrar: "192.0.2.5:5060"}, {DN: "5001", Registrar: "192.0.2.5:5060", Transport: "ws"}} {
			_, err := w.RegisterUpstream(bad)
			require.ErrorIs(t, err, sip.ErrOptions)
		}
		lease := errors.New("another owner")
		asked := 0
		up := make(chan sip.UpstreamState, 20)
		r, err := w.RegisterUpstream(sip.Upstream{
			DN: "5001", Registrar: "192.0.2.5:5060", Expires: time.Minute, OnState: func(s sip.UpstreamState) { up <- s },
			Lease: func(context.Context) error {
				if asked++; asked < 3 {
					return lease
				}
				return nil
			},
		})
		require.NoError(t, err)
		require.ErrorIs(t, (<-up).Err, lease)
		require.ErrorIs(t, (<-up).Err, lease)
		require.Zero(t, u.count(), "no REGISTER without the lease")
		require.Equal(t, 5*time.Minute, (<-up).Expires, "the registrar's minimum")
		start := time.Now()
		r.Refresh(5 * time.Second)
		for u.count() < 3 {
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, time.Since(start), 5*time.Second)
		require.Equal(t, 4, asked, "and the lease is asked again")
		require.NoError(t, r.Close(t.Context(), false))
	})
}

func TestAfterARestartOfTheRegistrarAllComeBackSpread(t *testing.T) {
	inUpstream(t, granted(3600), func(t *testing.T, w *world, u *upstreams) {
		const dns = 200
		var all []*sip.Registration
		for i := range dns {
			r, err := w.RegisterUpstream(sip.Upstream{DN: fmt.Sprint(5000 + i), Registrar: "192.0.2.5:5060"})
			require.NoError(t, err)
			all = append(all, r)
		}
		synctest.Wait()
		require.Equal(t, dns, u.count())
		restart := time.Now()
		for _, r := range all {
			r.Refresh(5 * time.Second)
			r.Refresh(5 * time.Second)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		again := map[string]bool{}
		perSecond := make([]int, 5)
		for i := dns; i < u.count(); i++ {
			again[u.asked[i].get("To")] = true
			if at := u.at[i].Sub(restart); at < 5*time.Second {
				perSecond[int(at.Seconds())]++
			}
		}
		require.Len(t, again, dns, "all of them")
		for second, count := range perSecond {
			require.Positive(t, count, "second %d", second)
			require.Less(t, count, dns/2, "second %d", second)
		}
		for _, r := range all {
			require.NoError(t, r.Close(t.Context(), false))
		}
	})
}

func TestUpstreamRegistrationOverUDP(t *testing.T) {
	t.Parallel()
	w, _ := upstreamWorld(t)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	up := make(chan sip.UpstreamState, 4)
	r, err := w.RegisterUpstream(sip.Upstream{
		DN: "5001", Registrar: conn.LocalAddr().String(), Domain: "asterisk.example.com",
		Auth: &sip.Auth{User: "5001", Password: "upstream secret"}, OnState: func(s sip.UpstreamState) { up <- s },
	})
	require.NoError(t, err)
	buf := make([]byte, 65536)
	seen := ""
	receive := func() (*text, net.Addr) {
		for {
			n, from, err := conn.ReadFrom(buf)
			require.NoError(t, err)
			require.Equal(t, w.AddrUDP().String(), from.String(), "from the socket that we listen on")
			req := parseText(string(buf[:n]))
			if cseq := req.get("CSeq"); cseq != seen { // else it was sent again, before our answer was there
				seen = cseq
				return req, from
			}
		}
	}
	respond := func(req *text, to net.Addr, status, headers string) {
		_, err := conn.WriteTo([]byte(crlf(fmt.Sprintf("SIP/2.0 %s\nVia: %s\nFrom: %s\nTo: %s;tag=r\nCall-ID: %s\nCSeq: %s\n%sContent-Length: 0\n\n",
			status, req.get("Via"), req.get("From"), req.get("To"), req.get("Call-ID"), req.get("CSeq"), headers))), to)
		require.NoError(t, err)
	}
	req, from := receive()
	require.Equal(t, "REGISTER sip:asterisk.example.com SIP/2.0", req.start)
	require.Contains(t, req.get("Contact"), "sip:5001@"+w.AddrUDP().String())
	challenge := `Digest realm="asterisk", nonce="n1", algorithm=MD5, qop="auth"`
	respond(req, from, "401 Unauthorized", "WWW-Authenticate: "+challenge+"\n")
	req, from = receive()
	require.Contains(t, req.get("Authorization"), `username="5001"`)
	require.NotContains(t, req.raw, "upstream secret")
	respond(req, from, "200 OK", "Contact: <sip:5001@192.0.2.1>;expires=9\nContact: "+strings.TrimSpace(req.get("Contact"))+";expires=1800\n")
	state := <-up
	require.True(t, state.Registered)
	require.Equal(t, 30*time.Minute, state.Expires, "of our Contact")
	require.NoError(t, r.Close(t.Context(), false))
}

func TestARefreshWhileItRegistersCounts(t *testing.T) {
	inUpstream(t, granted(600), func(t *testing.T, w *world, u *upstreams) {
		busy := func(ctx context.Context) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r, err := w.RegisterUpstream(sip.Upstream{DN: "5001", Registrar: "192.0.2.5:5060", Lease: busy})
		require.NoError(t, err)
		time.Sleep(500 * time.Millisecond)
		r.Refresh(0)
		r.Refresh(time.Hour)
		time.Sleep(2 * time.Second)
		require.Equal(t, 2, u.count(), "the registrar may have restarted right behind the first one")
		time.Sleep(time.Minute)
		require.Equal(t, 2, u.count())
		r.Refresh(0)
		synctest.Wait()
		require.NoError(t, r.Close(t.Context(), true))
		require.Equal(t, 3, u.count(), "closing gives up the attempt under way and un-registers")
		require.Equal(t, "0", u.asked[2].get("Expires"))
	})
}
