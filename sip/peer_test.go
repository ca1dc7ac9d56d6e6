package sip_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

const offer, reply = "v=0 offer", "v=0 answer"

// calls is an OnCall that hands calls over.
type calls chan taken

type taken struct {
	*sip.Dialog
	call sip.Call
}

func (c calls) option(o *sip.Options) {
	o.OnCall = func(d *sip.Dialog, call sip.Call) { c <- taken{d, call} }
}

func next[T sip.Event](t testing.TB, d *sip.Dialog) T {
	t.Helper()
	select {
	case e, ok := <-d.Events():
		require.True(t, ok, "the dialog is over")
		got, ok := e.(T)
		require.True(t, ok, "%T %+v", e, e)
		return got
	case <-t.Context().Done():
		t.Fatal("no event")
	}
	panic("unreachable")
}

// leg is one dialog as the browser has it.
type leg struct {
	b                           *browser
	callID, local, remote, peer string // tags and the peer's user
	target                      string
	cseq                        int
	invite                      *text // the request that opened it
	branch                      string
}

func (l *leg) header(name string) string {
	switch name {
	case "From":
		return fmt.Sprintf("From: <sip:%s@desk.example.com>;tag=%s", l.b.dn, l.local)
	default:
		tag := ""
		if l.remote != "" {
			tag = ";tag=" + l.remote
		}
		return fmt.Sprintf("To: <sip:%s@desk.example.com>%s", l.peer, tag)
	}
}

// text builds a request of the leg.
func (l *leg) text(method string, cseq int, branch, body string, headers ...string) string {
	msg := fmt.Sprintf("%s %s SIP/2.0\nVia: SIP/2.0/WS %s;branch=z9hG4bK%s\nMax-Forwards: 70\n%s\n%s\nCall-ID: %s\nCSeq: %d %s\nContact: <sip:%s@%s;transport=ws>\n",
		method, l.target, l.b.host, branch, l.header("From"), l.header("To"), l.callID, cseq, method, l.b.dn, l.b.host)
	for _, h := range headers {
		msg += h + "\n"
	}
	if body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type") {
		msg += "Content-Type: application/sdp\n"
	}
	return msg + fmt.Sprintf("Content-Length: %d\n\n%s", len(body), body)
}

// send sends the next request of the leg.
func (l *leg) send(method, body string, headers ...string) {
	l.b.t.Helper()
	l.cseq++
	l.b.send(l.text(method, l.cseq, fmt.Sprintf("%s%s%d", method, l.callID, l.cseq), body, headers...))
}

// do sends the next request and returns its final response.
func (l *leg) do(method, body string, headers ...string) *text {
	l.b.t.Helper()
	l.send(method, body, headers...)
	return l.final(method)
}

func (l *leg) final(method string) *text {
	l.b.t.Helper()
	for {
		m := l.b.next()
		if m.status >= 200 && strings.HasSuffix(m.get("CSeq"), " "+method) {
			return m
		}
	}
}

func (l *leg) ack(body string) {
	l.b.t.Helper()
	l.b.send(l.text("ACK", l.cseq, "ack"+l.callID+fmt.Sprint(l.cseq), body))
}

// learn takes tag and target from a response.
func (l *leg) learn(res *text) {
	l.remote = tagOf(res.get("To"))
	if contact := res.get("Contact"); contact != "" {
		l.target = strings.Trim(strings.Split(contact, ">")[0], "<")
	}
}

func tagOf(header string) string {
	_, tag, _ := strings.Cut(header, ";tag=")
	return strings.Split(tag, ";")[0]
}

// call sends an INVITE.
func (b *browser) call2(to, body string, headers ...string) *leg {
	b.t.Helper()
	l := &leg{b: b, callID: randomHost(), local: "b" + randomHost()[:5], peer: to, target: "sip:" + to + "@desk.example.com", branch: "inv" + randomHost()}
	l.cseq = 1
	b.send(l.text("INVITE", 1, l.branch, body, headers...))
	return l
}

// answer responds to a request.
func (b *browser) answer(req *text, status int, reason, body string, headers ...string) {
	b.t.Helper()
	msg := fmt.Sprintf("SIP/2.0 %d %s\n", status, reason)
	for _, via := range req.all("Via") {
		msg += "Via: " + via + "\n"
	}
	to := req.get("To")
	if !strings.Contains(to, ";tag=") && status > 100 {
		to += ";tag=browser"
	}
	msg += "From: " + req.get("From") + "\nTo: " + to + "\nCall-ID: " + req.get("Call-ID") + "\nCSeq: " + req.get("CSeq") + "\n"
	if !strings.Contains(strings.Join(headers, "\n"), "Contact:") {
		headers = append(headers, fmt.Sprintf("Contact: <sip:%s@%s;transport=ws>", b.dn, b.host))
	}
	for _, h := range headers {
		msg += h + "\n"
	}
	if body != "" {
		msg += "Content-Type: application/sdp\n"
	}
	b.send(msg + fmt.Sprintf("Content-Length: %d\n\n%s", len(body), body))
}

// legOf is the browser's side of a call that it got.
func (b *browser) legOf(invite *text) *leg {
	return &leg{
		b: b, callID: invite.get("Call-ID"), local: "browser", remote: tagOf(invite.get("From")), peer: "caller",
		target: strings.Trim(strings.Split(invite.get("Contact"), ">")[0], "<"), cseq: 100, invite: invite,
	}
}

// agent is a browser that has registered.
func (w *world) agent(dn string, change ...func(*dialOptions)) *browser {
	w.t.Helper()
	b := w.browser(dn, change...)
	require.Equal(w.t, 200, b.login(600).status)
	return b
}

// inbound lets the browser call and the dialog answer.
func (w *world) inbound(b *browser, c calls, headers ...string) (*leg, *sip.Dialog) {
	w.t.Helper()
	l := b.call2("5002", offer, headers...)
	d := <-c
	require.NoError(w.t, d.Ring(w.t.Context(), 180, "Ringing", sip.Body{}, nil))
	l.learn(b.until("SIP/2.0 180"))
	acked := make(chan error, 1)
	go func() {
		_, err := d.Answer(w.t.Context(), sip.SDP([]byte(reply)), nil)
		acked <- err
	}()
	res := l.final("INVITE")
	require.Equal(w.t, 200, res.status)
	require.Equal(w.t, reply, res.body)
	l.ack("")
	require.NoError(w.t, <-acked)
	return l, d.Dialog
}

// outbound calls the browser, which answers.
func (w *world) outbound(b *browser) (*leg, *sip.Dialog) {
	w.t.Helper()
	d, err := w.Invite(w.t.Context(), sip.Invite{DN: b.dn, FromUser: "4711", FromName: "Caller", Body: sip.SDP([]byte(offer))})
	require.NoError(w.t, err)
	invite := b.until("INVITE")
	require.Equal(w.t, offer, invite.body)
	b.answer(invite, 180, "Ringing", "")
	require.Equal(w.t, 180, next[sip.Progress](w.t, d).Status)
	b.answer(invite, 200, "OK", reply)
	require.Equal(w.t, reply, string(next[sip.Answered](w.t, d).Body.Data))
	b.until("ACK")
	return b.legOf(invite), d
}

func hangup(t testing.TB, d *sip.Dialog) chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		done <- d.Hangup(context.WithoutCancel(t.Context()), sip.Headers{{Name: "Reason", Value: "Q.850;cause=16"}})
	}()
	return done
}
