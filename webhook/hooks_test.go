package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/follow"
	"sidecar/webhook"
)

// eventually waits for what a real server and a goroutine of ours bring about.
func eventually(t *testing.T, done func() bool, what string) {
	t.Helper()
	require.Eventually(t, done, time.Minute, time.Millisecond, what)
}

// verify is what a receiver does, as docs/events-api.md describes it.
func verify(t *testing.T, r request) {
	t.Helper()
	at, err := strconv.ParseInt(r.header.Get("Webhook-Timestamp"), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, r.at, time.Unix(at, 0), 5*time.Minute)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret(), "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, r.header.Get("Webhook-Id")+"."+r.header.Get("Webhook-Timestamp")+"."+r.body)
	require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), r.header.Get("Webhook-Signature"))
}

func TestEventsAreDeliveredInOrder(t *testing.T) {
	t.Parallel()
	x := &target{t: t}
	server := httptest.NewTLSServer(x)
	defer server.Close()
	r := newRig(t)
	var want []string
	for range 250 {
		want = append(want, r.tape.add("Ringing")...)
	}
	r.start(server.Client().Transport, webhook.Target{URL: server.URL + "/hooks?key=hush"})
	eventually(t, func() bool { return len(x.ids()) == 250 }, "what was there")
	want = append(want, r.tape.add("Released", "Ready")...)
	eventually(t, func() bool { return r.status().Cursor == "e:252" }, "what came")
	require.Equal(t, want, x.ids())
	requests := x.got()
	require.Len(t, requests[0].ids, 100, "a batch is bounded")
	for _, got := range requests {
		verify(t, got)
		require.Equal(t, "application/json", got.header.Get("Content-Type"))
	}
	s := r.status()
	require.EqualValues(t, 252, s.Delivered)
	require.Zero(t, s.Failed)
	require.False(t, s.LastDelivery.IsZero())
	require.Equal(t, server.URL+"/hooks", s.URL, "a query may be secret")
}

func TestARestartGoesOn(t *testing.T) {
	t.Parallel()
	x := &target{t: t}
	r := newRig(t).start(x, webhook.Target{})
	want := r.tape.add("Ringing", "Established")
	eventually(t, func() bool { return r.status().Cursor == "e:2" }, "delivered")
	r.stop()
	want = append(want, r.tape.add("Held", "Released")...)
	r.start(x, webhook.Target{})
	eventually(t, func() bool { return r.status().Cursor == "e:4" }, "delivered")
	require.Equal(t, want, x.ids())
}

func TestOnlyWhatIsWanted(t *testing.T) {
	t.Parallel()
	x := &target{t: t}
	r := newRig(t).start(x, webhook.Target{Want: follow.Want{Types: []string{"Released"}}})
	r.tape.add("Ringing", "Released", "Ready", "Released")
	eventually(t, func() bool { return len(x.ids()) == 2 }, "delivered")
	require.Equal(t, []string{"n1-call-2", "n1-call-4"}, x.ids())
}

func TestWhoIsCutOffGoesOn(t *testing.T) {
	t.Parallel()
	x := &target{t: t}
	r := newRig(t).start(x, webhook.Target{})
	r.tape.add("Ringing", "cut", "Released")
	eventually(t, func() bool { return len(x.ids()) == 2 }, "delivered")
	require.Equal(t, []string{"n1-call-1", "n1-call-3"}, x.ids())
	r.tape.close()
	eventually(t, func() bool { return r.status().Cursor == "e:3" }, "stored")
	r.stop()
}

// A target must not lead us anywhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	inside := &target{t: t}
	secretPlace := httptest.NewServer(inside)
	defer secretPlace.Close()
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		x := &target{t: t, answer: func(int) (int, http.Header) {
			return status, http.Header{"Location": {secretPlace.URL}}
		}}
		server := httptest.NewServer(x)
		r := newRig(t).start(nil, webhook.Target{URL: server.URL, GiveUp: time.Nanosecond})
		r.tape.add("Ringing")
		eventually(t, func() bool { return len(r.letters()) == 1 }, "given up")
		require.Contains(t, r.letters()[0].Reason, "redirects are not followed")
		r.stop()
		server.Close()
	}
	require.Empty(t, inside.got())
}

func TestDeadLettersAreDeliveredLater(t *testing.T) {
	t.Parallel()
	x := &target{t: t, answer: func(n int) (int, http.Header) {
		if n <= 2 {
			return http.StatusBadGateway, nil
		}
		return http.StatusNoContent, nil
	}}
	server := httptest.NewServer(x)
	defer server.Close()
	r := newRig(t)
	ids := r.tape.add("Ringing", "Released")
	r.start(nil, webhook.Target{URL: server.URL + "/?key=hush", GiveUp: time.Nanosecond})
	eventually(t, func() bool { return len(r.letters()) == 1 }, "given up")
	d := r.letters()[0]
	require.Equal(t, "answered 502 Bad Gateway", d.Reason)
	require.Equal(t, "n1-call-1+n1-call-2", d.MessageID)
	require.Equal(t, []any{"crm", 2, 1}, []any{d.Target, d.Events, d.Attempts})
	require.Empty(t, d.Body)
	eventually(t, func() bool { return r.status().Cursor == "e:2" }, "goes on behind it")

	var undelivered *webhook.UndeliveredError
	require.ErrorAs(t, r.hooks.Redeliver(t.Context(), "crm", d.ID), &undelivered)
	require.EqualError(t, undelivered, "crm: answered 502 Bad Gateway")
	require.Len(t, r.letters(), 1)
	require.NoError(t, r.hooks.Redeliver(t.Context(), "crm", d.ID))
	require.Empty(t, r.letters())
	got := x.got()
	require.Len(t, got, 3)
	for _, one := range got {
		verify(t, one)
		require.Equal(t, ids, one.ids)
		require.Equal(t, d.MessageID, one.header.Get("Webhook-Id"), "the same however often it is sent")
	}
	require.ErrorIs(t, r.hooks.Redeliver(t.Context(), "crm", d.ID), webhook.ErrNoDeadLetter)
	require.ErrorIs(t, r.hooks.Discard(t.Context(), "crm", d.ID), webhook.ErrNoDeadLetter)
	require.ErrorIs(t, r.hooks.Discard(t.Context(), "erp", d.ID), webhook.ErrTarget)
	require.ErrorIs(t, r.hooks.Redeliver(t.Context(), "erp", d.ID), webhook.ErrTarget)
	_, err := r.hooks.DeadLetter(t.Context(), "erp", d.ID)
	require.ErrorIs(t, err, webhook.ErrTarget)
	_, err = r.hooks.DeadLetters(t.Context(), webhook.DeadLetterQuery{Target: "erp"})
	require.ErrorIs(t, err, webhook.ErrTarget)
}

// Neither the secret nor the address's query gets out.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL + "/?key=hush"
	server.Close() // nobody is there any more
	r := newRig(t)
	r.tape.add("Ringing")
	r.start(nil, webhook.Target{URL: address, GiveUp: time.Nanosecond})
	eventually(t, func() bool { return len(r.letters()) == 1 }, "given up")
	require.Contains(t, r.letters()[0].Reason, "connection refused")
	s := r.status()
	for _, text := range []string{r.letters()[0].Reason, s.LastError, s.URL, r.log.String()} {
		require.NotContains(t, text, "hush")
		require.NotContains(t, text, secret())
	}
}

func TestBadTargets(t *testing.T) {
	t.Parallel()
	good := webhook.Target{Name: "crm", URL: "https://crm.example.com/x?y=z", Secret: secret()}
	cases := map[string]struct {
		edit func(*webhook.Target)
		err  error
	}{
		"no scheme":      {func(x *webhook.Target) { x.URL = "crm.example.com" }, webhook.ErrURL},
		"other scheme":   {func(x *webhook.Target) { x.URL = "file:///etc/passwd" }, webhook.ErrURL},
		"no host":        {func(x *webhook.Target) { x.URL = "https:///x" }, webhook.ErrURL},
		"a password":     {func(x *webhook.Target) { x.URL = "https://a:b@crm.example.com" }, webhook.ErrURL},
		"a fragment":     {func(x *webhook.Target) { x.URL = "https://crm.example.com/#x" }, webhook.ErrURL},
		"not an address": {func(x *webhook.Target) { x.URL = "https://crm example com" }, webhook.ErrURL},
		"no secret":      {func(x *webhook.Target) { x.Secret = "" }, webhook.ErrSecret},
		"no prefix":      {func(x *webhook.Target) { x.Secret = strings.TrimPrefix(secret(), "whsec_") }, webhook.ErrSecret},
		"no base64":      {func(x *webhook.Target) { x.Secret = "whsec_correct horse battery staple" }, webhook.ErrSecret},
		"too short":      {func(x *webhook.Target) { x.Secret = "whsec_aHVzaA==" }, webhook.ErrSecret},
		"unknown event":  {func(x *webhook.Target) { x.Want.Types = []string{"Ringing", "Rinqing"} }, webhook.ErrType},
	}
	for name, c := range cases {
		bad := good
		c.edit(&bad)
		_, err := webhook.New(webhook.Options{Targets: []webhook.Target{good, bad}, Log: slog.New(slog.DiscardHandler)})
		require.ErrorIs(t, err, c.err, name)
		require.Contains(t, err.Error(), "webhook crm: ", name)
		if bad.Secret != "" {
			require.NotContains(t, err.Error(), bad.Secret, name)
		}
	}
	_, err := webhook.New(webhook.Options{Targets: []webhook.Target{good}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
}
