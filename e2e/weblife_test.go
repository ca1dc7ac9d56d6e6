//go:build e2e

package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// codecs are the DNs that have one codec each, and what a page calls it.
var codecs = []struct{ dn, mime string }{{"5001", "audio/PCMU"}, {"5003", "audio/PCMA"}, {"5004", "audio/G722"}, {"5005", "audio/opus"}}

// Each codec carries tones between a browser and a desk phone that has G.711 only, and opus between two browsers.
func TestBrowserCodecs(t *testing.T) {
	t.Parallel()
	s := newDesks(t, "")
	desk, other := s.agentPhone("5011", phone.RingOnly), s.browser("5006", otherTone)
	s.inService("5006", "5011")
	for _, codec := range codecs {
		t.Run(codec.mime, func(t *testing.T) { s.in(t).speaks(codec.dn, codec.mime, desk, other.on(t)) })
	}
	t.Run("no common codec", func(t *testing.T) {
		with := s.webAccount("5002", 0)
		with.Codec = "opus"
		w := s.in(t).window(with)
		require.Equal(t, "registered", w.start())
		require.Equal(t, 488, w.dial("5011").ended().Status, "the DN has G.711 only")
	})
	s.requireNoLeftovers()
}

// speaks lets a DN call and be called by the desk phone, and call another browser, in the codec that it has.
func (s *system) speaks(dn, mime string, desk *phone.Phone, other *window) {
	s.t.Helper()
	w := s.browser(dn, 0)
	s.inService(dn)
	a := w.dial("5011")
	webTalk(s.t, incoming(s.t, desk, agentTone), agentTone, a, browserTone)
	a.carries(mime)
	a.hangup()

	caller := dial(s.t, desk, dn, agentTone)
	a = w.incoming().answer()
	webTalk(s.t, caller, agentTone, a, browserTone)
	a.carries(mime)
	require.NoError(s.t, caller.Hangup(soon(s.t)))
	a.ended()

	a = w.dial("5006")
	o := other.incoming().answer()
	a.hears(otherTone)
	o.hears(browserTone)
	a.carries(mime)
	o.carries("audio/opus")
	o.hangup()
	a.ended()
}

// A browser's connection, page or whole self goes away in a call, and comes back or does not.
func TestBrowserComesBack(t *testing.T) {
	t.Parallel()
	const grace = 15 * time.Second // a machine that runs all tests at once is slow
	s := newDesks(t, "", "SIDECAR_GATEWAY_GRACE="+grace.String())
	d := &webDay{day: &day{system: s, customer: s.customerPhone()}, desk: s.agentPhone("5011", phone.RingOnly)}
	for _, step := range []struct {
		name string
		run  func(*webDay)
	}{
		{"the network is cut", (*webDay).networkCut},
		{"the page is loaded anew", (*webDay).reloaded},
		{"a second browser takes over", (*webDay).takenOver},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			d.day.step(t, func(inner *day) { step.run(&webDay{day: inner, desk: d.desk}) })
		}) {
			return
		}
	}
}

// networkCut: JsSIP connects again by itself, the call never stops, and is renegotiated with a new ICE session.
func (d *webDay) networkCut() {
	cable := newCableTo(d.t, d.http)
	with := d.webAccount("5001", 0)
	with.URL = "ws" + strings.TrimPrefix(cable.url, "http") + "/ws"
	d.anna = d.window(with)
	require.Equal(d.t, "registered", d.anna.start())
	d.inService("5001")
	cust, a := d.connected()
	cable.cut()
	d.anna.line("disconnected", 0)
	d.talk(cust, customerTone, a, browserTone)
	before := len(d.anna.lines())
	cable.mend()
	d.anna.line("^registered", before)
	var fresh bool
	a.its("renegotiate", &fresh, true)
	require.True(d.t, fresh, "the ICE session is a new one")
	d.talk(cust, customerTone, a, browserTone)
	a.hold()
	d.feed.saw("5001", "Held")
	a.retrieve()
	d.talk(cust, customerTone, a, browserTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	require.Equal(d.t, "BYE", a.ended().Method, "the gateway finds the page by its new connection")
	d.feed.want(golden(d.t, "held")...)
}

// reloaded: the call waits with music, and the page that comes back is called and answers by itself.
func (d *webDay) reloaded() {
	d.anna = d.browser("5001", 0)
	d.inService("5001")
	cust, _ := d.connected()
	d.anna.do("reload", nil)
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), browserTone))
	require.NoError(d.t, cust.WaitSound(soon(d.t)), "music while the page is away")
	require.Equal(d.t, "registered", d.anna.start())
	a := d.anna.incoming()
	require.NotEmpty(d.t, a.headers["X-Sidecar-Resume"])
	require.Contains(d.t, a.headers["Call-Info"], "answer-after=0")
	d.talk(cust, customerTone, a, browserTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	a.ended()
	d.feed.want(golden(d.t, "inbound")...)
}

// takenOver: the second browser has the DN, and the first one is left alone.
func (d *webDay) takenOver() {
	first := d.browser("5001", 0)
	d.inService("5001")
	d.anna = d.browser("5001", 0)
	cust, _ := d.connected()
	var count int
	first.do("count", &count)
	require.Zero(d.t, count, "the first browser does not ring")
	require.NoError(d.t, cust.Hangup(soon(d.t)))
}

// Ops stops the daemon while a browser talks: no new calls, the call goes on, and the daemon ends when it does.
func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("until the call is over", func(t *testing.T) {
		t.Parallel()
		s := newDesks(t, "")
		customer, w, other := s.customerPhone(), s.browser("5001", 0), s.browser("5002", otherTone)
		s.inService("5001", "5002")
		cust := dial(t, customer, "8000", customerTone)
		a := w.incoming().answer()
		webTalk(t, cust, customerTone, a, browserTone)
		ended := s.terminate()
		s.eventually("the daemon says that it drains", func() bool { return s.readyStatus() != 200 })
		require.Equal(t, 503, other.dial("5011").ended().Status)
		webTalk(t, cust, customerTone, a, browserTone)
		select {
		case err := <-ended:
			require.Fail(t, "it did not wait for the call", "%v", err)
		default:
		}
		a.hangup()
		require.NoError(t, <-ended)
	})
	t.Run("until the limit", func(t *testing.T) {
		t.Parallel()
		s := newDesks(t, "", "SIDECAR_GATEWAY_DRAIN_TIMEOUT=2s")
		customer, w := s.customerPhone(), s.browser("5001", 0)
		s.inService("5001")
		cust := dial(t, customer, "8000", customerTone)
		a := w.incoming().answer()
		webTalk(t, cust, customerTone, a, browserTone)
		require.NoError(t, <-s.terminate())
		require.Equal(t, "BYE", a.ended().Method, "the page is told")
	})
}

// Asterisk is killed and comes back, and then the sidecar is: the browsers' DNs are registered again and can be called. A page
// that is closed in a call does not come back: after the grace the customer is told.
func TestBrowserAfterRestarts(t *testing.T) {
	t.Parallel()
	s := newDesks(t, "", "SIDECAR_GATEWAY_GRACE=2s")
	customer := s.customerPhone()
	dns := []string{"5001", "5002", "5003", "5004"}
	w := map[string]*window{}
	for _, dn := range dns {
		w[dn] = s.browser(dn, 0)
	}
	s.inService(dns...)
	call := func() {
		t.Helper()
		cust := dial(t, customer, "8000", customerTone)
		a := w["5001"].incoming().answer()
		webTalk(t, cust, customerTone, a, browserTone)
		require.NoError(t, cust.Hangup(soon(t)))
		a.ended()
	}
	call()
	s.pbx.RequireCLI("database deltree registrar") // it forgets who is registered
	s.pbx.Kill()
	s.eventually("the sidecar notices", func() bool { return s.readyStatus() != 200 })
	s.pbx.Restart()
	s.waitReady()
	s.eventually("the browsers' DNs are registered at the new Asterisk", func() bool {
		return strings.Count(s.pbx.RequireCLI("pjsip show contacts"), "/sip:500") == len(dns)
	})
	s.inService(dns...)
	call()

	before := map[string]int{}
	for _, dn := range dns {
		before[dn] = len(w[dn].lines())
	}
	s.killSidecar()
	for _, dn := range dns {
		w[dn].line("disconnected", before[dn])
	}
	s.startSidecar()
	s.waitReady()
	for _, dn := range dns {
		w[dn].line("^registered", before[dn]) // once more
	}
	s.inService(dns...)
	call()

	cust := dial(t, customer, "8000", customerTone)
	webTalk(t, cust, customerTone, w["5001"].incoming().answer(), browserTone)
	w["5001"].do("close", nil)
	require.Equal(t, "BYE", ended(t, cust).Method)
	s.eventually("the DN is out of service", func() bool { return !s.dnState("5001") })
	s.requireNoLeftovers()
}

// terminate asks the daemon to end; the channel brings its exit.
func (s *system) terminate() <-chan error {
	s.t.Helper()
	cmd := s.taken()
	require.NoError(s.t, cmd.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended
}
