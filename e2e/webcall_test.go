//go:build e2e

package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// desks are DNs of browsers, one for each codec and one for two calls at once, and two desk phones.
const desks = `
dns:
  - numbers: [5001-5009]
    overrides:
      5003: {codecs: [alaw]}
      5004: {codecs: [g722]}
      5005: {codecs: [opus]}
      5006: {codecs: [opus]}
  - {numbers: [5011-5012], owner: phone}
routes: [{number: "8000", to: "dn:5001"}]
`

// newDesks is a running system for browsers.
func newDesks(t *testing.T, extra string, env ...string) *system {
	t.Helper()
	s := newDeskFiles(t, extra, env...)
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	return s
}

// newDeskFiles is its configuration, with nothing started.
func newDeskFiles(t *testing.T, extra string, env ...string) *system {
	t.Helper()
	origin := windows.ready(t).origin
	if !strings.Contains(extra, "dns:") {
		extra += desks
	}
	return newSystem(t, extra, append(env, "SIDECAR_HTTP_ALLOWED_ORIGINS="+origin)...)
}

// webDay is a system with two agents in browsers and a desk phone.
type webDay struct {
	*day
	anna, ben *window
	desk      *phone.Phone
}

// An unmodified JsSIP in Chromium calls and is called, through the gateway and a real Asterisk.
func TestBrowserCalls(t *testing.T) {
	t.Parallel()
	s := newDesks(t, "")
	d := &webDay{
		day:  &day{system: s, customer: s.customerPhone()},
		anna: s.browser("5001", 0), ben: s.browser("5002", otherTone), desk: s.agentPhone("5011", phone.RingOnly),
	}
	s.inService("5001", "5002", "5011")
	for _, step := range []struct {
		name string
		run  func(*webDay)
	}{
		{"called by a customer", (*webDay).called},
		{"calls a desk phone", (*webDay).calls},
		{"browser to browser", (*webDay).browserToBrowser},
		{"rejected and busy", (*webDay).refused},
		{"given up", (*webDay).givenUp},
		{"digits both ways", (*webDay).digits},
		{"held and retrieved", (*webDay).held},
		{"held by the other", (*webDay).heldByOther},
		{"transferred by REFER", (*webDay).refer},
		{"transferred by REFER after a consultation", (*webDay).referReplaces},
		{"no answer by REST", (*webDay).noAnswerByREST},
		{"answered and held by REST", (*webDay).answeredByREST},
		{"a second call answered by REST", (*webDay).secondByREST},
	} {
		if !t.Run(step.name, func(t *testing.T) { d.step(t, step.run) }) {
			return
		}
	}
}

// step runs one call with the test of that step.
func (d *webDay) step(t *testing.T, run func(*webDay)) {
	t.Helper()
	d.day.step(t, func(inner *day) {
		run(&webDay{day: inner, anna: d.anna.on(t), ben: d.ben.on(t), desk: d.desk})
	})
}

// connected is a customer's call that anna's browser has answered.
func (d *webDay) connected() (*phone.Call, *webCall) {
	d.t.Helper()
	cust := dial(d.t, d.customer, "8000", customerTone)
	a := d.anna.incoming()
	d.feed.saw("5001", "Ringing")
	a.answer()
	d.talk(cust, customerTone, a, browserTone)
	d.feed.saw("5001", "Established")
	return cust, a
}

func (d *webDay) talk(p *phone.Call, toneP float64, w *webCall, toneW float64) {
	d.t.Helper()
	webTalk(d.t, p, toneP, w, toneW)
}

// webTalk requires that a phone and a browser hear each other.
func webTalk(t *testing.T, p *phone.Call, toneP float64, w *webCall, toneW float64) {
	t.Helper()
	require.NoError(t, p.WaitTone(soon(t), toneW), "the phone hears the browser")
	w.hears(toneP)
}

func (d *webDay) called() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	a := d.anna.incoming()
	require.NoError(d.t, cust.WaitState(soon(d.t), phone.Ringing), "the caller hears ringing")
	require.Equal(d.t, "030123456", a.from, "the page shows the caller")
	require.Empty(d.t, a.headers["X-Sidecar-Leg"], "what joins leg and channel is none of the page's business")
	a.answer()
	d.talk(cust, customerTone, a, browserTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	require.Equal(d.t, "BYE", a.ended().Method)
	d.feed.want(golden(d.t, "inbound")...)
}

func (d *webDay) calls() {
	a := d.anna.dial("5011")
	desk := incoming(d.t, d.desk, 0)
	a.state("ringing")
	require.Equal(d.t, "5001", desk.Remote().Number)
	desk.SendTone(agentTone)
	require.NoError(d.t, desk.Answer(soon(d.t)))
	d.talk(desk, agentTone, a, browserTone)
	a.hangup()
	require.Equal(d.t, "BYE", ended(d.t, desk).Method)
	d.feed.want(renumbered(golden(d.t, "internal"), "5002", "5011")...)
}

func (d *webDay) browserToBrowser() {
	a := d.anna.dial("5002")
	b := d.ben.incoming()
	require.Equal(d.t, "5001", b.from)
	b.answer()
	a.hears(otherTone)
	b.hears(browserTone)
	a.hangup()
	b.ended()
	d.feed.want(golden(d.t, "internal")...)
}

func (d *webDay) refused() {
	desk, err := d.desk.Dial(soon(d.t), "5001")
	require.NoError(d.t, err)
	d.anna.incoming().its("reject", nil, 486)
	require.Equal(d.t, 486, ended(d.t, desk).Status)
	a := d.anna.dial("5011")
	require.NoError(d.t, incoming(d.t, d.desk, 0).Busy())
	require.Equal(d.t, 486, a.ended().Status, "JsSIP is told why")
	require.Equal(d.t, 480, d.anna.dial("5003").ended().Status, "nobody is registered there")
}

func (d *webDay) givenUp() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	a := d.anna.incoming()
	require.NoError(d.t, cust.WaitState(soon(d.t), phone.Ringing))
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	require.Equal(d.t, "CANCEL", a.ended().Method)
	a = d.anna.dial("5011")
	desk := incoming(d.t, d.desk, 0)
	a.state("ringing")
	a.hangup()
	require.Equal(d.t, "CANCEL", ended(d.t, desk).Method)
}

func (d *webDay) digits() {
	cust, a := d.connected()
	a.dtmf("159", "RFC2833")
	require.NoError(d.t, cust.WaitDTMF(soon(d.t), "159"), "telephone-events of the browser")
	a.dtmf("#70", "INFO")
	require.NoError(d.t, cust.WaitDTMF(soon(d.t), "159#70"), "INFO of the browser")
	cust.SendTone(0)
	a.hearsNot(customerTone)
	ctx := soon(d.t)
	heard, pressed := make(chan struct{}), make(chan error, 1)
	go func() { // joined by pressed; a page that stands still for a moment misses a digit or two
		for {
			if err := cust.SendDTMF(ctx, "888"); err != nil {
				pressed <- err
				return
			}
			select {
			case <-heard:
				close(pressed)
				return
			default:
			}
		}
	}()
	a.hearsDigit('8')
	close(heard)
	require.NoError(d.t, <-pressed)
	a.hangup()
	ended(d.t, cust)
}

func (d *webDay) held() {
	cust, a := d.connected()
	a.hold()
	d.feed.saw("5001", "Held")
	require.NoError(d.t, cust.WaitNoTone(soon(d.t), browserTone))
	require.NoError(d.t, cust.WaitSound(soon(d.t)), "music on hold")
	a.hearsNot(customerTone)
	a.retrieve()
	d.talk(cust, customerTone, a, browserTone)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	a.ended()
	d.feed.want(golden(d.t, "held")...)
}

func (d *webDay) heldByOther() {
	a := d.anna.dial("5011")
	desk := incoming(d.t, d.desk, agentTone)
	d.talk(desk, agentTone, a, browserTone)
	require.NoError(d.t, desk.Hold(soon(d.t)))
	a.hearsNot(agentTone)
	a.hearsSound()
	require.NoError(d.t, desk.Retrieve(soon(d.t)))
	d.talk(desk, agentTone, a, browserTone)
	a.hangup()
	ended(d.t, desk)
}

func (d *webDay) refer() {
	cust, a := d.connected()
	var reports []string
	seen := make(chan struct{})
	go func() { // the report comes when the target has answered
		defer close(seen)
		a.its("refer", &reports, "5011")
	}()
	desk := incoming(d.t, d.desk, agentTone)
	<-seen
	require.Equal(d.t, []string{"taken", "trying 100"}, reports[:2])
	require.Equal(d.t, "accepted 200", reports[len(reports)-1])
	talk(d.t, cust, customerTone, desk, agentTone)
	a.ended()
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	ended(d.t, desk)
	d.feed.want(renumbered(golden(d.t, "inbound_transferred"), "5002", "5011")...)
}

// referReplaces is a page that holds, calls another agent, and connects the two.
func (d *webDay) referReplaces() {
	cust, a := d.connected()
	a.hold()
	d.feed.saw("5001", "Held")
	second := d.anna.dial("5011")
	desk := incoming(d.t, d.desk, agentTone)
	d.talk(desk, agentTone, second, browserTone)
	var reports []string
	a.its("refer", &reports, "5011", second.index)
	require.Equal(d.t, "accepted 200", reports[len(reports)-1])
	second.ended()
	a.ended()
	talk(d.t, cust, customerTone, desk, agentTone)
	require.NoError(d.t, desk.Hangup(soon(d.t)))
	ended(d.t, cust)
}

// A JsSIP that has not said Allow-Events can't be made to answer.
func (d *webDay) noAnswerByREST() {
	cust := dial(d.t, d.customer, "8000", customerTone)
	a := d.anna.incoming()
	d.feed.saw("5001", "Ringing")
	d.as("5001", http.MethodPost, "/api/v1/calls/"+d.onlyCall("Ringing").ID+"/answer", nil).want(http.StatusConflict)
	require.NoError(d.t, cust.Hangup(soon(d.t)))
	a.ended()
}

// A phone that has said Allow-Events is answered, held and retrieved by its desktop.
func (d *webDay) answeredByREST() {
	with := d.webAccount("5007", otherTone)
	with.AllowEvents = "talk, hold"
	w := d.window(with)
	require.Equal(d.t, "registered", w.start())
	d.inService("5007")
	desk := dial(d.t, d.desk, "5007", agentTone)
	a := w.incoming()
	d.feed.saw("5007", "Ringing")
	command := func(verb string) {
		d.t.Helper()
		d.as("5007", http.MethodPost, "/api/v1/calls/"+d.system.calls("5007")[0].ID+"/"+verb, nil).want(http.StatusOK)
	}
	command("answer")
	d.talk(desk, agentTone, a, otherTone)
	d.feed.saw("5007", "Established")
	command("hold")
	d.feed.saw("5007", "Held")
	require.NoError(d.t, desk.WaitNoTone(soon(d.t), otherTone))
	a.its("waitLog", nil, "hold local")
	command("retrieve")
	d.feed.saw("5007", "Retrieved")
	d.talk(desk, agentTone, a, otherTone)
	require.NoError(d.t, desk.Hangup(soon(d.t)))
	a.ended()
}

// secondByREST is a phone that can be told what to do: its first call is held as the second is answered.
func (d *webDay) secondByREST() {
	with := d.webAccount("5008", 0) // its hold would silence a tone of the page in both calls
	with.AllowEvents = "talk, hold"
	w := d.window(with)
	require.Equal(d.t, "registered", w.start())
	d.inService("5008")
	desk := dial(d.t, d.desk, "5008", agentTone)
	first := w.incoming()
	d.feed.saw("5008", "Ringing")
	id := d.onlyCall("Ringing").ID
	d.command("5008", id, "answer", "{}")
	d.talk(desk, agentTone, first, browserTone)
	desk2 := dial(d.t, d.desk, "5008", secondTone)
	second := w.incoming()
	var other string
	d.eventually("both calls are there", func() bool {
		for _, c := range d.system.calls("5008") {
			if c.ID != id && c.State == "Ringing" {
				other = c.ID
			}
		}
		return other != ""
	})
	d.command("5008", other, "answer", "{}")
	d.talk(desk2, secondTone, second, browserTone)
	waits(d.t, desk, browserTone, secondTone)
	first.its("waitLog", nil, "hold local")
	d.command("5008", id, "alternate", "{}")
	d.talk(desk, agentTone, first, browserTone)
	waits(d.t, desk2, browserTone, agentTone)
	d.command("5008", id, "complete-transfer", "{}")
	first.ended()
	second.ended()
	talk(d.t, desk, agentTone, desk2, secondTone)
	require.NoError(d.t, desk.Hangup(soon(d.t)))
	ended(d.t, desk2)
}

// renumbered is a golden for another DN.
func renumbered(lines []string, from, to string) []string {
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], from, to)
	}
	return lines
}
