package gateway_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// agent is a browser's SIP side: raw messages over a WebSocket.
type agent struct {
	t        testing.TB
	ws       *websocket.Conn
	dn, host string
	seq      int
	headers  []string // of its REGISTERs
	bearer   string   // token that isn't the DN's
	auth     string   // whole header in place of a token
	in       chan *text
	kept     []*text // that came before the answer to a REGISTER
	wg       sync.WaitGroup
}

// agent connects and registers a DN, and waits until it is registered upstream.
func (w *world) agent(dn string, headers ...string) *agent {
	w.t.Helper()
	a := w.connect(dn)
	a.headers = headers
	require.Equal(w.t, 200, a.register(600).status)
	require.Equal(w.t, dn+" 3600", w.registrar.wait(w.t))
	return a
}

func (w *world) connect(dn string) *agent {
	w.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"sip"}}
	ws, res, err := dialer.DialContext(patient(w.t), "ws"+strings.TrimPrefix(w.server.URL, "http"), origin(w.server.URL))
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	a := &agent{t: w.t, ws: ws, dn: dn, host: randomName() + ".invalid", in: make(chan *text, 1024)}
	a.wg.Go(func() {
		defer close(a.in)
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			a.in <- parseText(string(data))
		}
	})
	w.t.Cleanup(a.drop)
	return a
}

// again is a page that registers for the DN anew: another one, or the same one on a new WebSocket.
func (w *world) again(dn, host string) *agent {
	w.t.Helper()
	a := w.connect(dn)
	if host != "" {
		a.host, a.seq = host, 100
	}
	require.Equal(w.t, 200, a.register(600).status)
	return a
}

// drop loses the flow.
func (a *agent) drop() {
	_ = a.ws.Close()
	a.wg.Wait()
}

func (a *agent) send(lines []string, body string) {
	a.t.Helper()
	if body != "" && !strings.Contains(strings.Join(lines, "\n"), "\nContent-Type:") {
		lines = append(lines, "Content-Type: application/sdp")
	}
	msg := strings.Join(lines, "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(a.t, a.ws.WriteMessage(websocket.TextMessage, []byte(msg)))
}

// until skips messages until one starts as asked.
func (a *agent) until(start string) *text {
	a.t.Helper()
	for {
		if m := a.next(start); strings.HasPrefix(m.start, start) {
			return m
		}
	}
}

// nextRequest skips responses: on a busy machine a 200 is repeated before our ACK is there.
func (a *agent) nextRequest() *text {
	a.t.Helper()
	for {
		if m := a.next("request"); m.status == 0 {
			return m
		}
	}
}

func (a *agent) next(awaited string) *text {
	a.t.Helper()
	if len(a.kept) > 0 {
		m := a.kept[0]
		a.kept = a.kept[1:]
		return m
	}
	select {
	case m, ok := <-a.in:
		require.True(a.t, ok, "the flow ended before %s", awaited)
		return m
	case <-patient(a.t).Done():
		a.t.Fatalf("no %s", awaited)
	}
	return nil
}

func (a *agent) register(expires int) *text {
	a.t.Helper()
	a.seq++
	a.send(append([]string{
		"REGISTER sip:desk.example.com SIP/2.0", "Via: SIP/2.0/WS " + a.host + ";branch=z9hG4bK" + randomName(), "Max-Forwards: 69",
		"To: <sip:" + a.dn + "@desk.example.com>", "From: <sip:" + a.dn + "@desk.example.com>;tag=reg", "Call-ID: reg-" + a.host,
		fmt.Sprintf("CSeq: %d REGISTER", a.seq), a.authorization(),
		fmt.Sprintf("Contact: <sip:%s@%s;transport=ws>;expires=%d", a.dn, a.host, expires),
	}, a.headers...), "")
	var kept []*text
	for {
		m := a.next("answer to a REGISTER")
		if strings.HasSuffix(m.get("CSeq"), " REGISTER") {
			a.kept = append(kept, a.kept...)
			return m
		}
		kept = append(kept, m)
	}
}

func (a *agent) authorization() string {
	switch {
	case a.auth != "":
		return a.auth
	case a.bearer != "":
		return "Authorization: Bearer " + a.bearer
	}
	return "Authorization: Bearer token-for-" + a.dn
}

// leg is one dialog as the browser has it.
type leg struct {
	*agent
	callID, local, remote, peer, target string
	cseq                                int
	branch                              string
	invite                              *text // that opened it
}

func (l *leg) request(method string, cseq int, branch, body string, headers ...string) {
	l.t.Helper()
	to := "To: <sip:" + l.peer + "@desk.example.com>"
	if l.remote != "" {
		to += ";tag=" + l.remote
	}
	l.send(append([]string{
		method + " " + l.target + " SIP/2.0", "Via: SIP/2.0/WS " + l.host + ";branch=z9hG4bK" + branch, "Max-Forwards: 70",
		"From: <sip:" + l.dn + "@desk.example.com>;tag=" + l.local, to, "Call-ID: " + l.callID, fmt.Sprintf("CSeq: %d %s", cseq, method),
		"Contact: <sip:" + l.dn + "@" + l.host + ";transport=ws>",
	}, headers...), body)
}

// do sends the next request and returns its final response.
func (l *leg) do(method, body string) *text {
	l.t.Helper()
	l.cseq++
	l.request(method, l.cseq, randomName(), body)
	return l.finalOf(method)
}

// finalOf waits for the final response to a request.
func (a *agent) finalOf(method string) *text {
	a.t.Helper()
	for {
		if m := a.until("SIP/2.0"); m.status >= 200 && strings.HasSuffix(m.get("CSeq"), " "+method) {
			return m
		}
	}
}

func (l *leg) ack() { l.request("ACK", l.cseq, randomName(), "") }

// reinvite offers and returns the answer.
func (l *leg) reinvite(body string) string {
	l.t.Helper()
	res := l.do("INVITE", body)
	require.Equal(l.t, 200, res.status, res.start)
	l.ack()
	return res.body
}

// call sends an INVITE.
func (a *agent) call(to, body string, headers ...string) *leg {
	a.t.Helper()
	l := &leg{agent: a, callID: randomName(), local: randomName(), peer: to, target: "sip:" + to + "@desk.example.com", cseq: 1, branch: randomName()}
	l.request("INVITE", 1, l.branch, body, headers...)
	return l
}

func (l *leg) learn(res *text) {
	l.remote = tagOf(res.get("To"))
	if contact := res.get("Contact"); contact != "" {
		l.target = strings.Trim(strings.Split(contact, ">")[0], "<")
	}
}

// answered waits for the 200 and acknowledges it.
func (l *leg) answered() *text {
	l.t.Helper()
	res := l.finalOf("INVITE")
	require.Equal(l.t, 200, res.status, res.start)
	l.learn(res)
	l.ack()
	return res
}

// rung is the leg of an INVITE that has come.
func (a *agent) rung() *leg {
	a.t.Helper()
	invite := a.until("INVITE")
	return &leg{
		agent: a, callID: invite.get("Call-ID"), local: "browser", remote: tagOf(invite.get("From")), peer: "caller", cseq: 100,
		target: strings.Trim(strings.Split(invite.get("Contact"), ">")[0], "<"), invite: invite,
	}
}

// respond answers a request of the gateway.
func (a *agent) respond(req *text, status int, reason, body string, headers ...string) {
	a.t.Helper()
	lines := []string{fmt.Sprintf("SIP/2.0 %d %s", status, reason)}
	for _, via := range req.all("Via") {
		lines = append(lines, "Via: "+via)
	}
	to := req.get("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=browser"
	}
	a.send(append(append(lines, "From: "+req.get("From"), "To: "+to, "Call-ID: "+req.get("Call-ID"), "CSeq: "+req.get("CSeq"),
		"Contact: <sip:"+a.dn+"@"+a.host+";transport=ws>"), headers...), body)
}
