//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/cti"
	judge "sidecar/internal/testkit/schema"
)

// described is what the sidecar itself says about its events. Attributes that it does not describe are wrong.
func (s *system) described(part string) *judge.Schema {
	s.t.Helper()
	return judge.Closed(s.t, s.schemaOfEvents(), part)
}

func (s *system) schemaOfEvents() []byte {
	s.t.Helper()
	return s.as("", http.MethodGet, "/api/v1/events/schema", nil).want(http.StatusOK).body
}

// follower is a program that follows /api/v1/events, and comes back with the last cursor whenever it is cut off.
type follower struct {
	t      *testing.T
	name   string
	schema *judge.Schema

	mu        sync.Mutex
	cursor    string
	start     uint64 // where the snapshot stood
	opened    int
	snapshots int
	resets    int
	events    []cti.Event // since the first snapshot
}

// follow starts one; open connects with the cursor, and hands over what comes until it is cut off.
func (s *system) follow(name string, open func(ctx context.Context, cursor string, take func([]byte)) error) *follower {
	s.t.Helper()
	f := &follower{t: s.t, name: name, schema: s.described("")}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			f.mu.Lock()
			cursor := f.cursor
			f.mu.Unlock()
			err := open(ctx, cursor, f.take)
			if ctx.Err() == nil {
				f.t.Logf("%s was cut off: %v", name, err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(tick):
			}
		}
	})
	s.t.Cleanup(func() { cancel(); work.Wait() })
	s.eventually(name+" has its snapshot", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.snapshots == 1
	})
	return f
}

func (f *follower) take(text []byte) {
	var e cti.Event
	if err := json.Unmarshal(text, &e); err != nil {
		f.t.Errorf("%s: %v: %s", f.name, err, text)
	}
	if e.Name == "End" { // the stream's last word is no event
		return
	}
	if err := f.schema.Check(text); err != nil {
		f.t.Errorf("%s: %v: %s", f.name, err, text)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case e.Name == "Reset":
		f.resets++
	case e.Name == "SnapshotComplete":
		f.snapshots++
		f.start, f.cursor = e.Seq, e.Cursor.String()
	case !e.Snapshot:
		f.events = append(f.events, e)
		f.cursor = e.Cursor.String()
	}
}

func (f *follower) ids() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.events {
		ids = append(ids, f.events[i].ID)
	}
	return ids
}

func (f *follower) began() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.start
}

// unbroken requires that the follower was cut off, and told neither a Reset nor a second snapshot.
func (f *follower) unbroken() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.GreaterOrEqual(f.t, f.opened, 2, f.name)
	require.Zero(f.t, f.resets, f.name)
	require.Equal(f.t, 1, f.snapshots, f.name)
}

func (f *follower) isOpen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened++
}

// followSSE follows by server-sent events, as an EventSource does.
func (s *system) followSSE(user string) *follower {
	s.t.Helper()
	token := s.token(user)
	var f *follower
	ready := make(chan struct{})
	f = s.follow("SSE", func(ctx context.Context, cursor string, take func([]byte)) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+"/api/v1/events", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if cursor != "" {
			req.Header.Set("Last-Event-ID", cursor)
			<-ready
			f.isOpen()
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				take([]byte(data))
			}
		}
		return lines.Err()
	})
	close(ready)
	return f
}

// followSocket follows by WebSocket.
func (s *system) followSocket(user string) *follower {
	s.t.Helper()
	token := s.token(user)
	var f *follower
	ready := make(chan struct{})
	f = s.follow("WebSocket", func(ctx context.Context, cursor string, take func([]byte)) error {
		query := ""
		if cursor != "" {
			query = "?since=" + cursor
			<-ready
			f.isOpen()
		}
		conn, res, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+s.http+"/api/v1/events"+query, http.Header{"Authorization": {"Bearer " + token}})
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		defer func() { _ = conn.Close() }()
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				return err
			}
			take(text)
		}
	})
	close(ready)
	return f
}

// post is a request that a webhook's receiver got.
type post struct {
	id, body string
	at       time.Time
	events   []cti.Event
	status   int
}

// receiver is a program that is told by a webhook. It checks what it gets, and answers as its test says.
type receiver struct {
	t       *testing.T
	address string
	key     []byte
	schema  *judge.Schema

	mu     sync.Mutex
	status int
	posts  []post
	server *http.Server
	work   sync.WaitGroup
}

const hookKey = "a key of thirty-two bytes, no less"

func hookSecret() string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(hookKey)) }

func newReceiver(t *testing.T, address string, status int) *receiver {
	t.Helper()
	r := &receiver{t: t, address: address, key: []byte(hookKey), status: status}
	r.up()
	t.Cleanup(r.down)
	return r
}

func (r *receiver) up() {
	listener, err := net.Listen("tcp", r.address)
	require.NoError(r.t, err)
	server := &http.Server{Handler: r}
	r.server = server
	r.work.Go(func() { _ = server.Serve(listener) })
}

func (r *receiver) down() {
	_ = r.server.Close()
	r.work.Wait()
}

// ServeHTTP does what docs/events-api.md tells receivers to do.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // it was cut off
	}
	got := post{id: req.Header.Get("Webhook-Id"), body: string(body), at: time.Now()}
	stamp, err := strconv.ParseInt(req.Header.Get("Webhook-Timestamp"), 10, 64)
	mac := hmac.New(sha256.New, r.key)
	_, _ = io.WriteString(mac, got.id+"."+req.Header.Get("Webhook-Timestamp")+"."+got.body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); err != nil || got.at.Unix()-stamp > 300 || req.Header.Get("Webhook-Signature") != want {
		r.t.Errorf("the signature is wrong: %v", req.Header)
	}
	var m struct{ Events []cti.Event }
	if err := json.Unmarshal(body, &m); err != nil {
		r.t.Errorf("%v: %s", err, body)
	}
	got.events = m.Events
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.schema != nil {
		if err := r.schema.Check(body); err != nil {
			r.t.Errorf("%v: %s", err, body)
		}
	}
	got.status = r.status
	r.posts = append(r.posts, got)
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) got() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.posts)
}

// ids are those of the events that were taken, each once: a receiver drops what it has seen.
func (r *receiver) ids() (ids []string) {
	seen := map[string]bool{}
	for _, p := range r.got() {
		for i := range p.events {
			if e := &p.events[i]; p.status == http.StatusNoContent && !e.Snapshot && !seen[e.ID] {
				seen[e.ID] = true
				ids = append(ids, e.ID)
			}
		}
	}
	return ids
}

// began is where the snapshot stood.
func (r *receiver) began() (seq uint64) {
	for _, p := range r.got() {
		for i := range p.events {
			if p.events[i].Name == "SnapshotComplete" {
				seq = p.events[i].Seq
			}
		}
	}
	return seq
}

func (s *system) hook(name string) (of hookStatus) {
	s.t.Helper()
	var list struct{ Webhooks []hookStatus }
	s.as("admin", http.MethodGet, "/api/v1/webhooks", nil).want(http.StatusOK).into(&list)
	i := slices.IndexFunc(list.Webhooks, func(w hookStatus) bool { return w.Name == name })
	require.GreaterOrEqual(s.t, i, 0, name)
	return list.Webhooks[i]
}

type hookStatus struct {
	Name, FailingSince, LastError string
	Failed, DeadLetters           int
}
