package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sidecar/internal/tools/load/siptext"
)

const writeTimeout = 10 * time.Second

// Line is what a phone logs in with.
type Line struct {
	URL      string // of the WebSocket: ws://127.0.0.1:8090/ws
	Origin   string
	DN       string
	User     string // of the digest; the DN when empty
	Password string
}

// Phone is one DN at one WebSocket. Its requests come one after the other.
type Phone struct {
	line Line
	ws   *websocket.Conn
	wmu  sync.Mutex
	wg   sync.WaitGroup
	done chan struct{}
	in   chan *siptext.Message // responses

	rings   chan *Ring
	ringing *Ring // the latest; owned by read

	host, domain, tag, register string
	seq                         int

	call dialog
}

// dialog is the one call that a phone may have.
type dialog struct {
	id, target, to string
	seq            int
	route          []string
}

// Connect opens the WebSocket.
func Connect(ctx context.Context, line Line) (*Phone, error) {
	if line.User == "" {
		line.User = line.DN
	}
	dialer := websocket.Dialer{Subprotocols: []string{"sip"}, HandshakeTimeout: writeTimeout}
	ws, res, err := dialer.DialContext(ctx, line.URL, http.Header{"Origin": {line.Origin}})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", line.URL, err)
	}
	_ = res.Body.Close()
	p := &Phone{
		line: line, ws: ws, done: make(chan struct{}), in: make(chan *siptext.Message, 16), rings: make(chan *Ring, 1),
		host: siptext.Token() + ".invalid", domain: ws.RemoteAddr().String(), tag: siptext.Token(), register: siptext.Token(),
	}
	p.domain, _, _ = strings.Cut(p.domain, ":")
	p.wg.Go(p.read)
	return p, nil
}

// Close drops the WebSocket.
func (p *Phone) Close() error {
	err := p.ws.Close()
	p.wg.Wait()
	if err != nil {
		return fmt.Errorf("close the WebSocket: %w", err)
	}
	return nil
}

// read hands responses on and answers requests.
func (p *Phone) read() {
	defer close(p.done)
	for {
		_, data, err := p.ws.ReadMessage()
		if err != nil {
			return
		}
		at := time.Now()
		m := siptext.Parse(string(data))
		switch {
		case m.Status() >= 200 && m.Method() != "":
			select {
			case p.in <- m:
			default: // nobody asked for so many
			}
		case m.Status() == 0:
			p.requested(m, at)
		}
	}
}

func (p *Phone) send(m *siptext.Message) error {
	p.wmu.Lock()
	defer p.wmu.Unlock()
	if err := errors.Join(p.ws.SetWriteDeadline(time.Now().Add(writeTimeout)), p.ws.WriteMessage(websocket.TextMessage, m.Bytes())); err != nil {
		return fmt.Errorf("send %s: %w", m.Method(), err)
	}
	return nil
}

// final sends a request and waits for its final response.
func (p *Phone) final(ctx context.Context, m *siptext.Message) (*siptext.Message, error) {
	if err := p.send(m); err != nil {
		return nil, err
	}
	for {
		select {
		case res := <-p.in:
			if res.Get("CSeq") == m.Get("CSeq") && res.Get("Call-ID") == m.Get("Call-ID") {
				return res, nil
			}
		case <-p.done:
			return nil, fmt.Errorf("%s: %w", m.Method(), ErrClosed)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s of %s without answer: %w", m.Method(), p.line.DN, context.Cause(ctx))
		}
	}
}

func (p *Phone) request(method, uri, to, callID string, seq int, headers ...string) *siptext.Message {
	return &siptext.Message{Start: method + " " + uri + " SIP/2.0", Headers: append([]string{
		"Via: SIP/2.0/WS " + p.host + ";branch=z9hG4bK" + siptext.Token(), "Max-Forwards: 70",
		"From: <sip:" + p.line.DN + "@" + p.domain + ">;tag=" + p.tag, "To: " + to, "Call-ID: " + callID,
		"CSeq: " + strconv.Itoa(seq) + " " + method,
		"Contact: <sip:" + p.line.DN + "@" + p.host + ";transport=ws>", "User-Agent: load",
	}, headers...)}
}

// challenged sends a request, and once more with the answer to its challenge. took is the round trip of the one that was
// decided on.
func (p *Phone) challenged(ctx context.Context, uri string, build func(headers ...string) *siptext.Message) (res *siptext.Message, took time.Duration, err error) {
	var headers []string
	for range 2 {
		m := build(headers...)
		begin := time.Now()
		if res, err = p.final(ctx, m); err != nil {
			return nil, 0, err
		}
		took = time.Since(begin)
		if res.Status() != http.StatusUnauthorized && res.Status() != http.StatusProxyAuthRequired {
			break
		}
		if m.Method() == "INVITE" {
			p.acknowledge(m, res)
		}
		headers = []string{siptext.Authorize(res, m.Method(), uri, p.line.User, p.line.Password)}
	}
	if res.Status() != http.StatusOK {
		return nil, 0, fmt.Errorf("%w: %s of %s: %s", ErrRefused, res.Method(), p.line.DN, res.Start)
	}
	return res, took, nil
}

// acknowledge ends the transaction of a refused INVITE.
func (p *Phone) acknowledge(invite, res *siptext.Message) {
	ack := &siptext.Message{Start: strings.Replace(invite.Start, "INVITE", "ACK", 1), Headers: []string{
		"Via: " + invite.Get("Via"), "Max-Forwards: 70", "From: " + invite.Get("From"), "To: " + res.Get("To"),
		"Call-ID: " + invite.Get("Call-ID"), "CSeq: " + strings.Replace(invite.Get("CSeq"), "INVITE", "ACK", 1),
	}}
	_ = p.send(ack)
}

// Register binds the phone to its DN and returns the round trip of the request that was accepted.
func (p *Phone) Register(ctx context.Context) (time.Duration, error) {
	uri := "sip:" + p.domain
	_, took, err := p.challenged(ctx, uri, func(headers ...string) *siptext.Message {
		p.seq++
		return p.request("REGISTER", uri, "<sip:"+p.line.DN+"@"+p.domain+">", p.register, p.seq, append(headers, "Expires: 600", "Allow-Events: talk")...)
	})
	return took, err
}

// Call dials a number and returns the answer, and how long that took from INVITE to 200.
func (p *Phone) Call(ctx context.Context, number, offer string) (answer string, took time.Duration, err error) {
	uri := "sip:" + number + "@" + p.domain
	p.call = dialog{id: siptext.Token()}
	res, took, err := p.challenged(ctx, uri, func(headers ...string) *siptext.Message {
		p.call.seq++
		m := p.request("INVITE", uri, "<"+uri+">", p.call.id, p.call.seq, headers...)
		m.Body = offer
		return m
	})
	if err != nil {
		return "", 0, err
	}
	p.call.to, p.call.target, p.call.route = res.Get("To"), siptext.URI(res.Get("Contact")), res.All("Record-Route")
	return res.Body, took, p.send(p.within("ACK"))
}

// Hangup ends the call.
func (p *Phone) Hangup(ctx context.Context) error {
	p.call.seq++
	_, err := p.final(ctx, p.within("BYE"))
	return err
}

func (p *Phone) within(method string) *siptext.Message {
	var routes []string
	for _, route := range slices.Backward(p.call.route) {
		routes = append(routes, "Route: "+route)
	}
	return p.request(method, p.call.target, p.call.to, p.call.id, p.call.seq, routes...)
}
