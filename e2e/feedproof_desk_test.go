//go:build e2e

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sidecar/cti/gws"
)

// How a desk is connected.
const (
	overSocket  = "CometD by WebSocket"
	overPolling = "CometD by long-polling"
	overSSE     = "server-sent events"
	overEvents  = "events by WebSocket"
)

var (
	errAgain  = errors.New("the connection broke: come back")
	errNoLoss = errors.New("a client that comes back with its cursor must get the rest, nothing else")
)

// desk is a client of the feed that keeps what it has seen, and loses its connection now and then. It comes back as docs/cti-events.md
// and docs/events-api.md say: in its session if it still has one, else with the cursors of what it saw last.
type desk struct {
	// Constant.
	name, addr, token, transport string
	sees                         func(dn string) bool
	random                       *rand.Rand
	life                         time.Duration // how long a connection holds at most
	calm                         <-chan struct{}

	// Owned by run.
	session              string
	joined               int // channels that it is known to be subscribed to
	acks                 bool
	batch                int64
	lives, resumed, anew int

	compared int // events, by the test

	mu      sync.Mutex
	views   map[string]*view // by channel; one for all under ""
	repeats int
}

// view is what a desk has seen.
type view struct {
	last string // cursor
	ids  []string
	seen map[string]struct{}
}

// newDesk makes one that has seen everything up to the cursor.
func newDesk(name, addr, token, transport, since string, seed uint64) *desk {
	d := &desk{name: name, addr: addr, token: token, transport: transport, random: rand.New(rand.NewPCG(seed, 1)), views: map[string]*view{}}
	d.acks = transport == overPolling || seed%2 == 0
	for _, channel := range d.channels() {
		d.views[channel] = &view{last: since, seen: map[string]struct{}{}}
	}
	return d
}

func (d *desk) channels() []string {
	if d.transport == overSocket || d.transport == overPolling {
		return []string{gws.ChannelAgentEvents, gws.ChannelCallState}
	}
	return []string{""}
}

// saw gives what the desk has seen so far.
func (d *desk) saw(channel string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.views[channel].ids
}

func (d *desk) cursor(channel string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.views[channel].last
}

// take notes an event, once.
func (d *desk) take(channel string, data []byte) error {
	var e struct {
		Event, EventID, Cursor string
		Snapshot               bool
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("%s: %w", data, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.views[channel]
	if e.Snapshot || v == nil {
		return fmt.Errorf("%w: %s: %s after %v", errNoLoss, channel, data, v)
	}
	if _, ok := v.seen[e.EventID]; ok {
		d.repeats++
		return nil
	}
	v.seen[e.EventID] = struct{}{}
	v.ids, v.last = append(v.ids, e.EventID), e.Cursor
	return nil
}

// run lives until ctx ends, again and again.
func (d *desk) run(ctx context.Context) error {
	for ctx.Err() == nil {
		c := &wiring{}
		var breaks *time.Timer
		select {
		case <-d.calm:
		default:
			breaks = time.AfterFunc(time.Duration(d.random.Int64N(int64(d.life))), c.cut)
		}
		stop := context.AfterFunc(ctx, c.cut)
		err := d.talk(ctx, c)
		if breaks != nil {
			breaks.Stop()
		}
		stop()
		c.cut()
		d.lives++
		if err != nil && !errors.Is(err, errAgain) {
			return fmt.Errorf("%s, %s: %w", d.name, d.transport, err)
		}
		if d.joined < len(d.channels()) || d.random.IntN(2) == 0 {
			d.session = "" // it never came to its channels, or the page was reloaded
		}
		away(ctx, time.Duration(d.random.Int64N(int64(d.life/4))))
	}
	return nil
}

func away(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (d *desk) talk(ctx context.Context, c *wiring) error {
	switch d.transport {
	case overSSE:
		return d.stream(ctx, c)
	case overEvents:
		return d.events(ctx, c)
	case overSocket:
		conn, err := d.upgrade(ctx, c, "/cometd")
		if err != nil {
			return err
		}
		return d.bayeux(&socketWire{conn})
	default:
		return d.bayeux(&pollWire{desk: d, ctx: ctx, client: c.client()})
	}
}

// wiring is the connections of a life: they break together, in the middle of whatever travels.
type wiring struct {
	mu    sync.Mutex
	conns []net.Conn
	gone  bool
}

func (c *wiring) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	if c.gone {
		_ = conn.Close()
	}
	return conn, nil
}

func (c *wiring) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for _, conn := range c.conns {
		_ = conn.(*net.TCPConn).SetLinger(0) // nothing that waits to be sent or read arrives any more
		_ = conn.Close()
	}
}

func (c *wiring) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: c.dial}, Timeout: 2 * patience}
}

func (d *desk) request(ctx context.Context, method, path string, body []byte) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+d.addr+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // the address is ours
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// refused tells a sidecar that is not there, or not ready yet, from one that will never do it.
func refused(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests,
		http.StatusConflict: // a connect of the life before has come in after this one
		return fmt.Errorf("%w: %s", errAgain, resp.Status)
	}
	return fmt.Errorf("%w: %s", errNoLoss, resp.Status)
}

func (d *desk) upgrade(ctx context.Context, c *wiring, path string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{NetDialContext: c.dial, HandshakeTimeout: patience}
	conn, resp, err := dialer.DialContext(ctx, "ws://"+d.addr+path, http.Header{"Authorization": {"Bearer " + d.token}})
	if resp != nil {
		_ = resp.Body.Close()
	}
	switch {
	case resp != nil && err != nil:
		return nil, refused(resp)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errAgain, err)
	}
	return conn, nil
}

// events follows /api/v1/events by WebSocket.
func (d *desk) events(ctx context.Context, c *wiring) error {
	conn, err := d.upgrade(ctx, c, "/api/v1/events?since="+d.cursor(""))
	if err != nil {
		return err
	}
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("%w: %w", errAgain, err)
		}
		if err = d.take("", data); err != nil {
			return err
		}
	}
}

// stream follows /api/v1/events by server-sent events, as an EventSource does.
func (d *desk) stream(ctx context.Context, c *wiring) error {
	r := d.request(ctx, http.MethodGet, "/api/v1/events", nil)
	r.Header.Set("Last-Event-ID", d.cursor(""))
	client := c.client()
	client.Timeout = 0
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return refused(resp)
	}
	lines := bufio.NewReader(resp.Body)
	var name, data string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("%w: %w", errAgain, err) // what was not ended by an empty line does not count
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "event":
			name = value
		case field == "data":
			data = value
		case field == "" && name == "End":
			return errAgain
		case field == "" && data != "":
			if err := d.take("", []byte(data)); err != nil {
				return err
			}
			name, data = "", ""
		}
	}
}
