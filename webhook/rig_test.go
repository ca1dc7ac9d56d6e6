package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/cti"
	"sidecar/cti/follow"
	"sidecar/store"
	"sidecar/webhook"
)

func TestMain(m *testing.M) {
	if dir, url := childOf(); dir != "" {
		child(dir, url)
		return
	}
	goleak.VerifyTestMain(m)
}

// secret is a new one, in the form of the settings.
func secret() string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s3cret..", 4)))
}

// tape is a log of events that outlives whoever reads it.
type tape struct {
	mu     sync.Mutex
	events []*cti.Event
	grown  chan struct{}
	closed bool
}

func newTape() *tape { return &tape{grown: make(chan struct{})} }

// add appends events and gives their ids.
func (l *tape) add(names ...string) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		at := cti.Cursor{Epoch: "e", Seq: uint64(len(l.events) + 1)}
		id := fmt.Sprintf("n1-call-%d", at.Seq)
		l.events = append(l.events, &cti.Event{Name: name, ID: id, Cursor: at, Seq: at.Seq, Time: cti.Time{Time: time.Now()}})
		ids = append(ids, id)
	}
	close(l.grown)
	l.grown = make(chan struct{})
	return ids
}

// put appends an event as it is.
func (l *tape) put(e *cti.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *tape) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *tape) Follow(want follow.Want, since cti.Cursor) (webhook.Follower, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, cti.ErrFeedClosed
	}
	return &reader{tape: l, want: want, next: int(since.Seq)}, nil
}

// reader reads the tape. At a name of "cut" it is cut off, and goes on behind it.
type reader struct {
	tape *tape
	want follow.Want
	next int
}

func (r *reader) Next(ctx context.Context) (out []follow.Message, err error) {
	for {
		r.tape.mu.Lock()
		rest, grown, closed := r.tape.events[r.next:], r.tape.grown, r.tape.closed
		r.tape.mu.Unlock()
		for _, e := range rest {
			if e.Name == "cut" {
				if len(out) == 0 {
					return nil, cti.ErrSlowConsumer
				}
				return out, nil
			}
			r.next++
			if len(r.want.Types) > 0 && !slices.Contains(r.want.Types, e.Name) {
				continue
			}
			data, err := json.Marshal(e)
			if err != nil {
				return nil, err
			}
			out = append(out, follow.Message{Name: e.Name, Cursor: e.Cursor, Event: e, Data: data})
		}
		switch {
		case len(out) > 0:
			return out, nil
		case closed:
			return nil, cti.ErrFeedClosed
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *reader) Resume() error { r.next++; return nil }
func (r *reader) Close()        {}

func (r *reader) Position() (cti.Cursor, bool) {
	return cti.Cursor{Epoch: "e", Seq: uint64(r.next)}, true
}

// request is what a target got.
type request struct {
	header http.Header
	body   string
	at     time.Time
	ids    []string
	seqs   []uint64
}

func readRequest(t testing.TB, r *http.Request) request {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("body: %v", err)
	}
	got := request{header: r.Header, body: string(body), at: time.Now()}
	var m struct {
		Webhook string
		Node    string
		Events  []struct {
			EventID string `json:"eventId"`
			Seq     uint64
		}
	}
	if err = json.Unmarshal(body, &m); err != nil || m.Webhook != "crm" || m.Node != "n1" || len(m.Events) == 0 {
		t.Errorf("not a message: %s", body)
	}
	for _, e := range m.Events {
		got.ids = append(got.ids, e.EventID)
		got.seqs = append(got.seqs, e.Seq)
	}
	return got
}

// target answers as its test says.
type target struct {
	t        testing.TB
	mu       sync.Mutex
	requests []request
	answer   func(n int) (status int, header http.Header) // to the nth request, from 1
}

func (x *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := readRequest(x.t, r)
	x.mu.Lock()
	x.requests = append(x.requests, got)
	n := len(x.requests)
	x.mu.Unlock()
	status, header := http.StatusOK, http.Header(nil)
	if x.answer != nil {
		status, header = x.answer(n)
	}
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
}

// RoundTrip lets a test do without a network, in virtual time.
func (x *target) RoundTrip(r *http.Request) (*http.Response, error) {
	got := readRequest(x.t, r)
	x.mu.Lock()
	x.requests = append(x.requests, got)
	n := len(x.requests)
	x.mu.Unlock()
	status, header := http.StatusOK, http.Header(nil)
	if x.answer != nil {
		status, header = x.answer(n)
	}
	if status == 0 { // it never answers
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: r}, nil
}

func (x *target) got() []request {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.requests)
}

func (x *target) ids() (ids []string) {
	for _, r := range x.got() {
		ids = append(ids, r.ids...)
	}
	return ids
}

// rig is webhooks with a store of their own.
type rig struct {
	t     testing.TB
	tape  *tape
	db    *store.DB
	log   *logBuffer
	hooks *webhook.Hooks
	stop  func()
}

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newRig(t testing.TB) *rig {
	t.Helper()
	db, err := store.OpenDB(t.Context(), filepath.Join(t.TempDir(), "data"))
	require.NoError(t, err)
	r := &rig{t: t, tape: newTape(), db: db, log: &logBuffer{}, stop: func() {}}
	t.Cleanup(func() {
		r.stop()
		require.NoError(t, db.Close())
	})
	return r
}

// start serves a target by the name of crm until stop is called.
func (r *rig) start(x http.RoundTripper, to webhook.Target) *rig {
	r.t.Helper()
	to.Name = "crm"
	if to.Secret == "" {
		to.Secret = secret()
	}
	if to.URL == "" {
		to.URL = "https://crm.example.com/hooks?key=hush"
	}
	var err error
	r.hooks, err = webhook.New(webhook.Options{
		Targets: []webhook.Target{to}, Node: "n1", Feed: r.tape, Store: r.db, Transport: x,
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.hooks.Run(ctx) })
	r.stop = func() { cancel(); wg.Wait() }
	return r
}

func (r *rig) status() webhook.Status {
	r.t.Helper()
	list, err := r.hooks.Statuses(context.Background())
	require.NoError(r.t, err)
	require.Len(r.t, list, 1)
	return list[0]
}

func (r *rig) letters() []webhook.DeadLetter {
	r.t.Helper()
	list, err := r.hooks.DeadLetters(context.Background(), webhook.DeadLetterQuery{Target: "crm", Limit: 10})
	require.NoError(r.t, err)
	return list
}
