package sip_test

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

const registrarURI = "sip:desk.example.com"

func TestRegisterWithDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	res := b.register(600)
	require.Equal(t, 401, res.status)
	challenges := res.all("WWW-Authenticate")
	require.Len(t, challenges, 3)
	require.True(t, strings.HasPrefix(challenges[0], "Digest "), "SIP.js reads the first only")
	require.True(t, strings.HasPrefix(challenges[1], "Bearer "))
	require.Equal(t, challenges[0], challenges[2], "JsSIP keeps the last only")
	require.NotContains(t, res.last("WWW-Authenticate"), "stale")
	_, err := w.Locate("5001")
	require.ErrorIs(t, err, sip.ErrNotRegistered)

	res = b.register(600, credentials(t, res.last("WWW-Authenticate"), "5001", "secret-5001", registrarURI, 1), "User-Agent: test", "Allow-Events: talk,hold")
	require.Equal(t, 200, res.status, res.raw)
	require.Contains(t, res.get("Contact"), b.host)
	require.Contains(t, res.get("Contact"), "expires=600")
	require.Equal(t, 1, strings.Count(res.get("Contact"), "expires="))
	e := w.events.wait(t, 0)
	require.Equal(t, sip.Registered, e.Kind)
	require.Equal(t, "5001", e.DN)
	require.Equal(t, []string{"talk", "hold"}, e.AllowEvents)
	require.Equal(t, "test", e.UserAgent)
	at, err := w.Locate("5001")
	require.NoError(t, err)
	require.Equal(t, e.Flow, at.Flow)
	require.Equal(t, "192.0.2.10", at.Peer.String())

	require.Contains(t, b.register(0, "Contact:", credentials(t, b.register(600).last("WWW-Authenticate"), "5001", "secret-5001", registrarURI, 1)).get("Contact"), b.host, "a query tells the binding")
}

func TestRegisterWithTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.WebSocket.CookieName = "session" })
	require.Equal(t, 200, w.browser("5001").register(600, "Authorization: Bearer token-for-5001").status)
	require.Equal(t, 403, w.browser("5002").register(600, "Authorization: Bearer token-for-5001").status)
	require.Equal(t, 403, w.browser("5002").register(600, "Authorization: Bearer nonsense").status)
	require.Equal(t, 200, w.browser("5003", func(o *dialOptions) { o.cookie = "session=token-for-5003" }).register(600).status)
	require.Equal(t, 401, w.browser("5004", func(o *dialOptions) { o.cookie = "session=token-for-5003" }).register(600).status)
	require.Equal(t, 401, w.browser("5003", func(o *dialOptions) { o.cookie, o.origin = "session=token-for-5003", "" }).register(600).status,
		"a cookie counts only with an Origin that was checked")
}

// A URL is logged by everybody on the way: a token in it lets nobody in, and no secret is in our own log.
func TestNoSecretIsTakenFromTheURLOrLogged(t *testing.T) {
	t.Parallel()
	log := new(lines)
	w := newWorld(t, func(o *sip.Options) {
		o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.WebSocket.CookieName = "token"
	})
	in := func(o *dialOptions) { o.query = "?token=token-for-5001&access_token=token-for-5001" }
	require.Equal(t, 401, w.browser("5001", in).register(600).status)
	require.Equal(t, 200, w.browser("5001", in, func(o *dialOptions) { o.cookie = "token=token-for-5001" }).register(600).status)
	require.Equal(t, 200, w.browser("5002").register(600, "Authorization: Bearer token-for-5002").status)
	require.Equal(t, 403, w.browser("5003").register(600, "Authorization: Bearer token-for-5002").status)
	require.Equal(t, 200, w.browser("5004").login(600).status)
	b := w.browser("5005")
	b.send("REGISTER sip:x SIP/2.0\nVia: SIP/2.0/WS x;branch=z9hG4bKbad\nAuthorization: Bearer token-for-5005\nCall-ID: x\nCSeq: 1 REGISTER\n\n")
	require.Equal(t, 400, b.next().status)
	require.Contains(t, log.String(), "5002")
	require.NotContains(t, log.String(), "token-for")
	require.NotContains(t, log.String(), "secret-")
	require.NotContains(t, log.String(), "response=")
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.Registrar.MaxFailures = 100 })
	b := w.browser("5001")
	challenge := b.register(600).last("WWW-Authenticate")
	right := credentials(t, challenge, "5001", "secret-5001", registrarURI, 1)
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"password":          {[]string{credentials(t, challenge, "5001", "wrong", registrarURI, 1)}, 403},
		"empty password":    {[]string{credentials(t, challenge, "5001", "", registrarURI, 1)}, 403},
		"user of other DN":  {[]string{credentials(t, challenge, "5002", "secret-5002", registrarURI, 1)}, 403},
		"for another DN":    {[]string{right, "To: <sip:5002@desk.example.com>", "From: <sip:5002@desk.example.com>;tag=a"}, 403},
		"From is another":   {[]string{right, "From: <sip:5002@desk.example.com>;tag=a"}, 403},
		"unknown DN":        {[]string{credentials(t, challenge, "9999", "", registrarURI, 1), "To: <sip:9999@desk.example.com>", "From: <sip:9999@desk.example.com>;tag=a"}, 403},
		"other uri":         {[]string{credentials(t, challenge, "5001", "secret-5001", "sip:other.example.com", 1)}, 403},
		"other realm":       {[]string{strings.Replace(right, `realm="sidecar"`, `realm="other"`, 1)}, 403},
		"without qop":       {[]string{strings.Replace(right, "qop=auth,", "", 1)}, 403},
		"foreign nonce":     {[]string{credentials(t, `Digest realm="sidecar", nonce="abc", algorithm=MD5, qop="auth"`, "5001", "secret-5001", registrarURI, 1)}, 401},
		"no scheme we know": {[]string{"Authorization: Basic abc"}, 400},
		"twice":             {[]string{right, right}, 400},
		"broken":            {[]string{"Authorization: Digest ,,,="}, 400},
		"no DN":             {[]string{right, "To: <sip:desk.example.com>"}, 404},
	} {
		res := b.register(600, c.headers...)
		require.Equal(t, c.status, res.status, "%s: %s", name, res.raw)
		_, err := w.Locate("5001")
		require.ErrorIs(t, err, sip.ErrNotRegistered, name)
	}
	require.Equal(t, 200, b.register(600, right).status, "and the right one is let in")
	w.events.wait(t, 0)
	require.Len(t, w.events.kinds(), 1)
}

func TestAnAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.browser("5001")
		challenge := b.register(600).last("WWW-Authenticate")
		answer := func(count int) string {
			return credentials(t, challenge, "5001", "secret-5001", registrarURI, count)
		}
		require.Equal(t, 200, b.register(600, answer(1)).status)
		replayed := b.register(600, answer(1))
		require.Equal(t, 401, replayed.status, "the same count again")
		require.Contains(t, replayed.last("WWW-Authenticate"), "stale=true")
		require.Equal(t, 200, b.register(600, answer(3)).status)
		require.Equal(t, 401, b.register(600, answer(2)).status, "a count below the last")
		time.Sleep(5*time.Minute + time.Second)
		old := b.register(600, answer(4))
		require.Equal(t, 401, old.status)
		require.Contains(t, old.last("WWW-Authenticate"), "stale=true")
		require.Equal(t, 200, b.register(600, credentials(t, old.last("WWW-Authenticate"), "5001", "secret-5001", registrarURI, 1)).status)
	})
}

func TestGuessingTakesLongerAndLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		owner := w.browser("5001", func(o *dialOptions) { o.from = "192.0.2.99:1" })
		require.Equal(t, 200, owner.login(600).status)
		b := w.browser("5001")
		wrong := func() *text {
			return b.register(600, credentials(t, b.register(600).last("WWW-Authenticate"), "5001", "guess", registrarURI, 1))
		}
		for range 5 {
			res := wrong()
			require.Equal(t, 403, res.status)
			require.Empty(t, res.get("Retry-After"))
		}
		res := b.register(600)
		require.Equal(t, 403, res.status)
		require.Equal(t, "1", res.get("Retry-After"))
		time.Sleep(time.Second)
		require.Equal(t, 403, wrong().status)
		require.Equal(t, "2", b.register(600).get("Retry-After"))
		require.Equal(t, 200, owner.login(600).status, "the agent is not locked out")
		time.Sleep(2 * time.Second)
		require.Equal(t, 200, b.login(600).status, "the right password ends it")
	})
}

func TestGuessesOfOneAddressOverManyDNs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	agent := w.agent("5020")
	tries := 0
	for i := 0; ; i++ {
		b := w.browser(fmt.Sprintf("50%02d", i/4+1))
		res := b.register(600)
		if res.status == 403 {
			require.NotEmpty(t, res.get("Retry-After"))
			break
		}
		b.register(600, credentials(t, res.last("WWW-Authenticate"), b.dn, "guess", registrarURI, 1))
		tries++
	}
	require.Equal(t, 20, tries)
	require.Equal(t, 403, w.browser("5019").register(600).status)
	require.Equal(t, 200, agent.login(600).status, "but who has registered refreshes")
	require.Equal(t, 200, w.browser("5009", func(o *dialOptions) { o.from = "192.0.2.50:1" }).login(600).status)
}

// One phone with an old password, that tries again and again, in an office behind one address.
func TestWrongPasswordsInARow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.browser("5001")
		colleague := w.agent("5002")
		wrong := 0
		for wrong < 25 {
			res := b.register(600)
			if res.status == 401 {
				require.Equal(t, 403, b.register(600, credentials(t, res.last("WWW-Authenticate"), "5001", "old", registrarURI, 1)).status)
				wrong++
				continue
			}
			require.Equal(t, 403, res.status)
			seconds, err := strconv.Atoi(res.get("Retry-After"))
			require.NoError(t, err)
			require.Equal(t, min(1<<(wrong-5), 300), seconds, "twice as long each time, at most five minutes")
			require.Equal(t, 200, colleague.login(600).status, "who has registered refreshes")
			require.Equal(t, 200, w.browser("5003").login(600).status, "who has not comes in from the same address")
			require.Equal(t, 200, w.browser("5001", func(o *dialOptions) { o.from = "192.0.2.99:1" }).login(600).status, "and the agent from another")
			time.Sleep(time.Duration(seconds) * time.Second)
			b = w.browser("5001") // nobody logs in on a flow for ever
		}
		wait, err := strconv.Atoi(b.register(600).get("Retry-After"))
		require.NoError(t, err)
		require.Equal(t, 300, wait)
		time.Sleep(time.Duration(wait) * time.Second)
		require.Equal(t, 200, w.browser("5001").login(600).status, "the right password, later")
	})
}

func TestBindingsExpireUnlessRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.browser("5001")
		require.Equal(t, 200, b.login(120).status)
		time.Sleep(100 * time.Second)
		require.Equal(t, 200, b.login(120).status)
		start := time.Now()
		e := w.events.wait(t, 1)
		require.Equal(t, 120*time.Second, time.Since(start))
		require.Equal(t, sip.Unregistered, e.Kind)
		require.Equal(t, sip.ReasonExpired, e.Reason)
		require.Equal(t, []sip.RegistrationKind{sip.Registered, sip.Unregistered}, w.events.kinds(), "a refresh tells nothing")
	})
}

func TestExpiriesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	brief := b.login(59)
	require.Equal(t, 423, brief.status)
	require.Equal(t, "60", brief.get("Min-Expires"))
	require.Contains(t, b.login(99999999).get("Contact"), "expires=3600")
	token := "Authorization: Bearer token-for-5001"
	contact := "Contact: <sip:5001@" + b.host + ">"
	require.Equal(t, 400, b.register(600, token, contact+";expires=soon").status)
	require.Equal(t, 403, b.register(600, token, contact, "Contact: <sip:5001@elsewhere.invalid>").status)
	require.Equal(t, 400, b.register(600, token, "Contact: *").status)
	require.Equal(t, 500, b.register(600, token, "CSeq: 1 REGISTER").status)
}

func TestUnregister(t *testing.T) {
	t.Parallel()
	for _, contact := range []string{"", "Contact: *"} {
		w := newWorld(t, nil)
		b := w.browser("5001")
		require.Equal(t, 200, b.login(600).status)
		other := w.browser("5001")
		headers := []string{"Authorization: Bearer token-for-5001"}
		if contact != "" {
			headers = append(headers, contact)
		}
		require.Equal(t, 200, other.register(0, headers...).status)
		_, err := w.Locate("5001")
		require.NoError(t, err, "a page that starts by un-registering takes nothing from the one that works")
		res := b.register(0, headers...)
		require.Equal(t, 200, res.status)
		require.Empty(t, res.get("Contact"))
		e := w.events.wait(t, 1)
		require.Equal(t, sip.Unregistered, e.Kind)
		require.Equal(t, sip.ReasonClient, e.Reason)
		_, err = w.Locate("5001")
		require.ErrorIs(t, err, sip.ErrNotRegistered)
	}
}

func TestALostFlowHasAGracePeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.browser("5001")
		require.Equal(t, 200, b.login(600).status)
		b.close()
		lost := w.events.wait(t, 1)
		require.Equal(t, sip.FlowLost, lost.Kind)
		_, err := w.Locate("5001")
		require.ErrorIs(t, err, sip.ErrNotRegistered)
		require.ErrorIs(t, err, sip.ErrFlowGone)
		time.Sleep(19 * time.Second)
		b = w.browser("5001")
		require.Equal(t, 200, b.login(600).status)
		back := w.events.wait(t, 2)
		require.Equal(t, sip.FlowBack, back.Kind)
		require.Equal(t, lost.Old, back.Old)
		require.NotEqual(t, back.Old, back.Flow)
		time.Sleep(time.Minute)
		require.Len(t, w.events.kinds(), 3)

		b.close()
		require.Equal(t, sip.FlowLost, w.events.wait(t, 3).Kind)
		start := time.Now()
		gone := w.events.wait(t, 4)
		require.Equal(t, 20*time.Second, time.Since(start))
		require.Equal(t, sip.Unregistered, gone.Kind)
		require.Equal(t, sip.ReasonFlow, gone.Reason)
	})
}

func TestASecondPhoneTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first, second := w.browser("5001"), w.browser("5001")
	require.Equal(t, 200, first.login(600).status)
	require.Equal(t, 200, second.login(600).status)
	e := w.events.wait(t, 1)
	require.Equal(t, sip.TakenOver, e.Kind)
	require.Equal(t, w.events.wait(t, 0).Flow, e.Old)
	at, err := w.Locate("5001")
	require.NoError(t, err)
	require.Equal(t, e.Flow, at.Flow)
	first.close()
	require.Equal(t, 200, second.login(600).status)
	require.Len(t, w.events.kinds(), 2, "the end of a flow that lost its DN tells nothing")
}

func TestASecondPhoneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.Registrar.TakeOver = sip.TakeOverRefuse })
	first, second := w.browser("5001"), w.browser("5001")
	require.Equal(t, 200, first.login(600).status)
	require.Equal(t, 403, second.login(600).status)
	reloaded := w.browser("5001")
	reloaded.instance = first.instance
	require.Equal(t, 200, reloaded.login(600).status, "a reload that is faster than the end of the old flow")
	reloaded.close()
	require.Equal(t, sip.FlowLost, w.events.wait(t, 2).Kind)
	require.Equal(t, 200, second.login(600).status, "a DN in its grace period is free")
}

func TestBadExtension(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	b.send(strings.Replace(options(b, 1), "Content-Length", "Require: outbound, teleport\nContent-Length", 1))
	res := b.next()
	require.Equal(t, 420, res.status)
	require.Equal(t, []string{"teleport"}, res.all("Unsupported"))
}
