package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/follow"
)

// Limits of a stream of events. Zero fields of EventsOptions stand for these.
const (
	eventsPerUser = 16
	eventsRecheck = 10 * time.Second
	eventsBeat    = 15 * time.Second // proxies cut what is silent for 30 s
	eventsWrite   = 10 * time.Second // a client that takes nothing for so long has gone
)

var (
	errShutdown       = errors.New("the sidecar is being stopped: come back with the last cursor")
	errTooManyStreams = errors.New("this user has as many event streams as one may have: close one")
)

// EventsOptions set up Events. Feed and Snapshot have no defaults.
type EventsOptions struct {
	Feed     follow.Feed
	Snapshot cti.Snapshotter
	PerUser  int           // streams that a user may have at once, 16
	Buffer   int           // events that may wait for a client, the feed's default
	Recheck  time.Duration // how often tokens are looked at while streams last, 10 s
	Beat     time.Duration // how often a silent stream shows that it lives, 15 s
}

// Events are the streams of /api/v1/events.
type Events struct {
	o    EventsOptions
	base context.Context //nolint:containedctx // it ends the streams, whatever request they belong to
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu     sync.Mutex
	byUser map[auth.UserID]int
	closed bool
}

// NewEvents makes the streams; Close ends them.
func NewEvents(o EventsOptions) *Events {
	if o.PerUser <= 0 {
		o.PerUser = eventsPerUser
	}
	if o.Recheck <= 0 {
		o.Recheck = eventsRecheck
	}
	if o.Beat <= 0 {
		o.Beat = eventsBeat
	}
	e := &Events{o: o, byUser: map[auth.UserID]int{}}
	e.base, e.stop = context.WithCancel(context.Background())
	return e
}

// Close ends all streams and waits for them, at most until ctx ends. New ones are refused from then on.
func (e *Events) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
	done := make(chan struct{})
	go func() { e.wg.Wait(); close(done) }() // joined by done, unless a client holds up its stream longer than ctx
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("event streams: %w", ctx.Err())
	}
}

// Streams counts the clients.
func (e *Events) Streams() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, of := range e.byUser {
		n += of
	}
	return n
}

// enter counts a stream of the user in, leave out.
func (e *Events) enter(user auth.UserID) (leave func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errShutdown
	}
	if e.byUser[user] >= e.o.PerUser {
		return nil, errTooManyStreams
	}
	e.byUser[user]++
	e.wg.Add(1)
	return func() {
		e.mu.Lock()
		if e.byUser[user]--; e.byUser[user] == 0 {
			delete(e.byUser, user)
		}
		e.mu.Unlock()
		e.wg.Done()
	}, nil
}

// eventSink is a client's end of the stream. Used by one goroutine.
type eventSink interface {
	begin() error
	send(m *follow.Message) error
	flush() error
	beat() error
	end(why *Problem)
}

// eventStream is one client's stream.
type eventStream struct {
	// Constant.
	events *Events
	want   follow.Want
	log    *slog.Logger
	again  func() (auth.Principal, error) // looks at the token anew

	who      atomic.Pointer[auth.Principal] // the feed asks, too
	follower *follow.Follower
	sent     int
}

func (st *eventStream) sees(dn bridge.DN) bool { return st.who.Load().MaySeeDN(string(dn)) }

func (st *eventStream) open(since cti.Cursor) (err error) {
	o := &st.events.o
	st.follower, err = follow.New(follow.Options{
		Feed: o.Feed, Snapshot: o.Snapshot, Since: since, Buffer: o.Buffer, Sees: st.sees,
		Wants: func(e *cti.Event) bool { return st.want.Match(e, st.sees) },
	})
	if errors.Is(err, cti.ErrFeedClosed) {
		return errShutdown
	}
	return err
}

func (st *eventStream) close() { st.follower.Close() }

// serve sends until something ends it, and tells the client what, if it is still there to hear it.
func (st *eventStream) serve(ctx context.Context, sink eventSink) {
	began := time.Now()
	err := sink.begin()
	if err == nil {
		err = st.run(ctx, sink)
	}
	sink.end(whyEnded(err))
	st.log.Info("event_stream_ended", "took", time.Since(began), "events", st.sent, "cause", err)
}

func (st *eventStream) run(ctx context.Context, sink eventSink) error {
	beat, check := time.Now().Add(st.events.o.Beat), st.nextCheck()
	for {
		next := beat
		if check.Before(next) {
			next = check
		}
		wait, cancel := context.WithDeadline(ctx, next)
		messages, err := st.follower.Next(wait)
		cancel()
		if err == nil {
			err = st.pass(messages, sink)
		} else if ctx.Err() != nil {
			return context.Cause(ctx)
		} else if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
		now := time.Now()
		if err == nil && !now.Before(check) {
			err = st.recheck()
			check = st.nextCheck()
		}
		if err == nil && !now.Before(beat) {
			err = sink.beat()
			beat = now.Add(st.events.o.Beat)
		}
		if err != nil {
			return err
		}
	}
}

func (st *eventStream) pass(messages []follow.Message, sink eventSink) error {
	for i := range messages {
		if err := sink.send(&messages[i]); err != nil {
			return err
		}
		st.sent++
	}
	return sink.flush()
}

// nextCheck is when the token has to be looked at again: when it expires at the latest.
func (st *eventStream) nextCheck() time.Time {
	now := time.Now()
	next := now.Add(st.events.o.Recheck)
	if ends := st.who.Load().ExpiresAt; ends.After(now) && ends.Before(next) {
		return ends
	}
	return next
}

// recheck renews what the client may see. As long as that can't be found out the token counts: a database that hiccups
// must not end every stream.
func (st *eventStream) recheck() error {
	p, err := st.again()
	switch {
	case err == nil && !p.Can(auth.VerbViewCalls):
		return &auth.ForbiddenError{Verb: auth.VerbViewCalls, Role: p.Role}
	case err == nil:
		st.who.Store(&p)
		return nil
	case auth.IsTokenLost(err):
		return err
	}
	st.log.Warn("token_unchecked", "error", err)
	return nil
}

// whyEnded is what a client is told; nil when it has left by itself.
func whyEnded(err error) *Problem {
	if p := typedProblem(err); p != nil {
		return p
	}
	if p := sentinelProblem(err); p != nil && !errors.Is(err, context.Canceled) {
		return p
	}
	switch {
	case errors.Is(err, cti.ErrSlowConsumer):
		return newProblem(http.StatusServiceUnavailable, "slow_consumer", cti.ErrSlowConsumer.Error())
	case errors.Is(err, cti.ErrFeedClosed):
		return whyEnded(errShutdown)
	}
	return nil
}
