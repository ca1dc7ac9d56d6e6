package sip_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

func TestOnlyOurPagesOpenFlows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.WebSocket.Origins = []string{"https://crm.example.com"} })
	for _, c := range []struct {
		origin    string
		protocols []string
		status    int
	}{
		{"http://desk.example.com", []string{"sip"}, http.StatusSwitchingProtocols},
		{"https://crm.example.com", []string{"sip"}, http.StatusSwitchingProtocols},
		{"", []string{"sip"}, http.StatusSwitchingProtocols},
		{"https://evil.example", []string{"sip"}, http.StatusForbidden},
		{"https://crm.example.com.evil.example", []string{"sip"}, http.StatusForbidden},
		{"null", []string{"sip"}, http.StatusForbidden},
		{"http://desk.example.com", nil, http.StatusBadRequest},
		{"http://desk.example.com", []string{"chat"}, http.StatusBadRequest},
	} {
		ws, res, err := w.upgrade(dialOptions{from: "192.0.2.7:1", origin: c.origin, protocols: c.protocols})
		require.NotNil(t, res, c.origin)
		require.Equal(t, c.status, res.StatusCode, "%q %v", c.origin, c.protocols)
		_ = res.Body.Close()
		if err == nil {
			_ = ws.Close()
		}
	}
}

func TestPingsAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001", func(o *dialOptions) { o.unread = true })
	pongs := make(chan string, 2)
	b.ws.SetPongHandler(func(s string) error { pongs <- s; return nil })
	b.wg.Go(b.read)
	for _, payload := range []string{"", "with a payload"} {
		require.NoError(t, b.ws.WriteControl(websocket.PingMessage, []byte(payload), time.Now().Add(time.Minute)))
		require.Equal(t, payload, <-pongs)
	}
	b.send(options(b, 1))
	require.Equal(t, 200, b.next().status)
}

func TestFragmentsAreOneMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	msg := crlf(strings.Replace(options(b, 1), "Content-Length", "X-Long: "+strings.Repeat("x", 4000)+"\nContent-Length", 1))
	out, err := b.ws.NextWriter(websocket.TextMessage) // with a buffer of 512 bytes every write is a fragment
	require.NoError(t, err)
	for len(msg) > 0 {
		n := min(len(msg), 700)
		_, err = out.Write([]byte(msg[:n]))
		require.NoError(t, err)
		msg = msg[n:]
	}
	require.NoError(t, out.Close())
	require.Equal(t, 200, b.next().status)
}

func TestAnIdleClientHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	idle, err := w.listener.dial("192.0.2.66:1")
	require.NoError(t, err)
	defer idle.Close()
	b := w.browser("5001")
	b.send(options(b, 1))
	require.Equal(t, 200, b.next().status)
}

func TestManyAnswersAtOnceStayWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.WebSocket.Burst = 1000 })
	b := w.browser("5001")
	const n = 150
	for i := range n {
		b.send(options(b, i+1))
	}
	seen := make(map[string]bool)
	for range n {
		m := b.next()
		require.Equal(t, 200, m.status, m.raw)
		seen[m.get("CSeq")] = true
	}
	require.Len(t, seen, n)
}

func TestMessagesAreLimited(t *testing.T) {
	t.Parallel()
	t.Run("size", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		b := w.browser("5001")
		require.NoError(t, b.ws.WriteMessage(websocket.TextMessage, []byte(strings.Repeat("x", 24577))))
		require.Equal(t, websocket.CloseMessageTooBig, b.closeCode())
	})
	t.Run("the largest still works", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		b := w.browser("5001")
		msg := options(b, 1)
		room := 24576 - len(crlf(msg)) - len("X-Long: \r\n")
		b.send(strings.Replace(msg, "Content-Length", "X-Long: "+strings.Repeat("x", room)+"\nContent-Length", 1))
		require.Equal(t, 200, b.next().status)
	})
	t.Run("rate", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *sip.Options) { o.WebSocket.Rate, o.WebSocket.Burst = 0.001, 5 })
		b := w.browser("5001")
		for i := range 6 {
			b.send(options(b, i+1))
		}
		require.Equal(t, websocket.ClosePolicyViolation, b.closeCode())
	})
	t.Run("flows of one address", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *sip.Options) { o.WebSocket.MaxFlowsPerPeer = 2 })
		w.browser("5001")
		w.browser("5002")
		_, res, err := w.upgrade(dialOptions{from: "192.0.2.10:3", protocols: []string{"sip"}})
		require.Error(t, err)
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
		_ = res.Body.Close()
		w.browser("5003", func(o *dialOptions) { o.from = "192.0.2.11:3" })
	})
}

func TestAnOfficeBehindOneAddressRegisters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *sip.Options) { o.WebSocket.MaxFlowsPerPeer = 2 })
		for i := range 8 {
			require.Equal(t, 200, w.browser(fmt.Sprintf("50%02d", i+1)).login(600).status)
			synctest.Wait()
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := sip.New(sip.Options{})
	require.ErrorIs(t, err, sip.ErrOptions)
	require.ErrorContains(t, err, "credentials")
	_, err = sip.New(sip.Options{Registrar: sip.RegistrarOptions{Credentials: creds{}}, WebSocket: sip.WebSocketOptions{MessageLimit: 40000}})
	require.ErrorIs(t, err, sip.ErrOptions)
	require.ErrorContains(t, err, "40000")
	_, err = sip.New(sip.Options{Registrar: sip.RegistrarOptions{Credentials: creds{}, MinExpires: 2 * time.Hour}})
	require.ErrorIs(t, err, sip.ErrOptions)
}

func TestStrangersGetRegisterAndOptionsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	for i, method := range []string{"INVITE", "BYE", "MESSAGE", "SUBSCRIBE", "REFER", "CANCEL"} {
		b.send(strings.ReplaceAll(options(b, i+1), "OPTIONS", method))
		m := b.next()
		require.Equal(t, 403, m.status, m.raw)
		require.Contains(t, m.get("CSeq"), method)
	}
	b.send(strings.ReplaceAll(options(b, 20), "OPTIONS", "ACK")) // gets no answer
	b.send(options(b, 21))
	require.Equal(t, "21 OPTIONS", b.next().get("CSeq"))
	require.Equal(t, 200, b.login(600).status)
	b.send(strings.ReplaceAll(options(b, 30), "OPTIONS", "PUBLISH"))
	require.Equal(t, 405, b.next().status, "after REGISTER requests reach the dialogs")
}

func TestRubbishIsRefusedAndTheFlowLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	good := options(b, 1)
	for name, c := range map[string]struct {
		msg    string
		status int // 0: silence
	}{
		"no SIP":               {"GET / HTTP/1.1\nHost: x\n\n", 0},
		"zeros":                {strings.Repeat("\x00", 40), 0},
		"no Via":               {replaceLine(good, "Via", "X-Via: none"), 0},
		"no From":              {replaceLine(good, "From", "X-From: none"), 400},
		"no CSeq":              {replaceLine(good, "CSeq", "X-CSeq: 1"), 0},
		"two Call-IDs":         {strings.Replace(good, "CSeq:", "Call-ID: other\nCSeq:", 1), 400},
		"CSeq of other method": {replaceLine(good, "CSeq", "CSeq: 1 INVITE"), 400},
		"CSeq too large":       {replaceLine(good, "CSeq", "CSeq: 36893488147419103232 OPTIONS"), 400},
		"negative length":      {replaceLine(good, "Content-Length", "Content-Length: -999"), 400},
		"length beyond":        {replaceLine(good, "Content-Length", "Content-Length: 9999"), 400},
		"version 7":            {strings.Replace(good, "SIP/2.0\n", "SIP/7.0\n", 1), 505},
		"no branch":            {replaceLine(good, "Via", "Via: SIP/2.0/WS x.invalid"), 400},
		"old branch":           {replaceLine(good, "Via", "Via: SIP/2.0/WS x.invalid;branch=1"), 400},
		"unknown scheme":       {strings.Replace(good, "OPTIONS sip:", "OPTIONS nobodyKnows:", 1), 416},
		"status 99":            {strings.Replace(good, "OPTIONS sip:desk.example.com SIP/2.0", "SIP/2.0 99 Low", 1), 0},
		"status overflow":      {strings.Replace(good, "OPTIONS sip:desk.example.com SIP/2.0", "SIP/2.0 4294967301 High", 1), 0},
	} {
		b.send(c.msg)
		if c.status != 0 {
			require.Equal(t, c.status, b.next().status, name)
		}
	}
	b.send(options(b, 77))
	require.Equal(t, "77 OPTIONS", b.next().get("CSeq"), "no answer was sent to what must not be answered")
	for b.ws.WriteMessage(websocket.TextMessage, []byte("rubbish")) == nil {
	}
	require.Equal(t, websocket.ClosePolicyViolation, b.closeCode())
}

func TestKeepAlivesOfTheMessageStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	b := w.browser("5001")
	b.send("\n\n")
	require.Equal(t, "\r\n", b.next().raw)
	b.send("\n")
	b.send(options(b, 1))
	require.Equal(t, 200, b.next().status)
}

func TestAFlowWithoutLoginEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		start := time.Now()
		idle := w.browser("5001")
		agent := w.browser("5002")
		require.Equal(t, 200, agent.login(600).status)
		require.Equal(t, websocket.ClosePolicyViolation, idle.closeCode())
		require.Equal(t, 30*time.Second, time.Since(start))
		time.Sleep(2 * time.Minute)
		agent.send(options(agent, 1))
		require.Equal(t, 200, agent.next().status, "pings keep a flow with a login")
	})
}

func TestAClientThatStopsReadingIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *sip.Options) { o.WebSocket.Queue = 4 })
		b := w.browser("5001", func(o *dialOptions) { o.unread = true })
		for i := range 10 {
			b.send(options(b, i+1))
			synctest.Wait()
			if i >= 6 {
				break
			}
		}
		time.Sleep(time.Minute)
		_, err := b.ws.NextWriter(websocket.TextMessage)
		if err == nil {
			err = b.ws.WriteMessage(websocket.TextMessage, []byte("x"))
		}
		require.Error(t, err, "the flow is gone")
	})
}

func TestASilentClientIsGoneAfterPingAndTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		b := w.browser("5001", func(o *dialOptions) { o.unread = true })
		b.ws.SetPingHandler(func(string) error { return nil }) // takes pings and answers none
		b.wg.Go(b.read)
		require.Equal(t, 200, b.login(600).status)
		start := time.Now()
		b.closeCode()
		require.Equal(t, 35*time.Second, time.Since(start))
		require.Equal(t, sip.FlowLost, w.events.wait(t, 1).Kind)
	})
}

func TestCloseEndsFlowsAndRefusesNewOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var wg sync.WaitGroup
	var browsers []*browser
	for i := range 5 {
		browsers = append(browsers, w.browser(fmt.Sprintf("50%02d", i+1)))
		require.Equal(t, 200, browsers[i].login(600).status)
	}
	wg.Go(w.Close)
	for _, b := range browsers {
		require.Equal(t, websocket.CloseGoingAway, b.closeCode())
	}
	wg.Wait()
	_, res, err := w.upgrade(dialOptions{from: "192.0.2.10:3", protocols: []string{"sip"}})
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	_ = res.Body.Close()
	require.Equal(t, sip.Unregistered, w.events.wait(t, 9).Kind)
}

func TestOneClientsBranchesAreNotAnothers(t *testing.T) {
	t.Parallel()
	c := make(calls, 2)
	w := newWorld(t, c.option)
	first, second := w.agent("5001"), w.agent("5002")
	second.host = first.host
	l := first.call2("5003", offer)
	d := <-c
	other := *l
	other.b, other.callID = second, "other"
	second.send(other.text("INVITE", 1, l.branch, offer))
	e := <-c
	require.Equal(t, "5002", e.call.From, "the same branch and Via host are a call of its own")
	second.send(other.text("CANCEL", 1, l.branch, ""))
	require.Equal(t, 487, other.final("INVITE").status)
	<-e.Done()
	require.Less(t, d.State(), sip.Over, "and its CANCEL is not the other's")
	require.NoError(t, d.Reject(486, "Busy Here", nil))
	res := l.final("INVITE")
	require.Equal(t, 486, res.status)
	require.NotContains(t, res.raw, "sidecar-flow", "the client sees its own branch")
}
