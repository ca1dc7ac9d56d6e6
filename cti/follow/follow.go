package follow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sidecar/bridge"
	"sidecar/cti"
)

// NameComplete is the event at the end of a snapshot.
const NameComplete = "SnapshotComplete"

// endedFor is how long the end of a call is told to those who lost their place. It outlasts the pauses between the
// attempts of a reader to come back.
const endedFor = 2 * time.Minute

// Feed is what is followed: a *cti.Feed.
type Feed interface {
	Subscribe(o cti.SubscribeOptions) (*cti.Subscription, error)
	Ended(since time.Time, wants cti.Filter) []*cti.Entry
}

// Options say who follows what. Feed, Snapshot, Sees and Wants have no defaults.
type Options struct {
	Feed     Feed
	Snapshot cti.Snapshotter
	Sees     func(bridge.DN) bool // asked for snapshots
	Wants    cti.Filter           // asked for every event, those of snapshots too; by other goroutines
	Since    cti.Cursor           // the last position seen; zero: begin with a snapshot
	Buffer   int                  // events that may wait, the feed's default
}

// Message is an event for the reader. Cursor is where to go on after it, zero within a snapshot.
type Message struct {
	Name   string
	Cursor cti.Cursor
	Event  *cti.Event
	Data   []byte // the event's JSON
}

// Follower is a reader's place in the feed. It is used by one goroutine.
type Follower struct {
	o       Options
	sub     *cti.Subscription
	last    cti.Cursor
	waiting []Message // a snapshot, to be given by the next Next
}

// New takes a place in the feed; Close gives it up.
func New(o Options) (*Follower, error) {
	f := &Follower{o: o, last: o.Since}
	var err error
	if o.Since.IsZero() {
		err = f.start(false)
	} else {
		err = f.resume()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Next waits for messages and gives all there are. A reader that was too slow ends with cti.ErrSlowConsumer, and may go on
// by Resume; the other errors are cti.ErrStalled, cti.ErrFeedClosed and the context's.
func (f *Follower) Next(ctx context.Context) ([]Message, error) {
	if out := f.waiting; len(out) > 0 {
		f.waiting = nil
		return out, nil
	}
	entries, err := f.sub.Next(ctx)
	if errors.Is(err, cti.ErrGap) || errors.Is(err, cti.ErrTooOld) {
		if err = f.start(true); err == nil {
			return f.Next(ctx) // there is a snapshot: it goes no deeper
		}
	}
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	out := make([]Message, len(entries))
	for i, e := range entries {
		out[i] = Message{Name: e.Event.Name, Cursor: e.Event.Cursor, Event: &e.Event, Data: e.Data}
	}
	f.last = entries[len(entries)-1].Event.Cursor
	return out, nil
}

// Resume goes on after what Next gave last, when the feed has cut the reader off.
func (f *Follower) Resume() error { return f.resume() }

// Position is where to go on later if nothing waits for the reader: everything before was given, or was not wanted.
func (f *Follower) Position() (at cti.Cursor, ok bool) {
	if len(f.waiting) > 0 {
		return cti.Cursor{}, false
	}
	return f.sub.Position()
}

// Close gives the place up. It may be called more than once.
func (f *Follower) Close() {
	if f.sub != nil {
		f.sub.Close()
	}
}

func (f *Follower) resume() error {
	err := f.subscribe(f.last)
	if errors.Is(err, cti.ErrUnknownEpoch) || errors.Is(err, cti.ErrTooOld) {
		return f.start(true)
	}
	return err
}

func (f *Follower) subscribe(since cti.Cursor) error {
	f.Close()
	sub, err := f.o.Feed.Subscribe(cti.SubscribeOptions{Since: since, Filter: f.o.Wants, Buffer: f.o.Buffer})
	if err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	f.sub, f.last = sub, sub.Start()
	return nil
}

// start takes a snapshot of the moment. One that stands for lost events begins with the ends of calls that may have been
// among them, and a Reset.
func (f *Follower) start(reset bool) error {
	if err := f.subscribe(cti.Cursor{}); err != nil {
		return err
	}
	now := time.Now()
	f.waiting = nil
	var events []cti.Event
	if reset {
		for _, e := range f.o.Feed.Ended(now.Add(-endedFor), f.o.Wants) {
			f.waiting = append(f.waiting, Message{Name: e.Event.Name, Event: &e.Event, Data: e.Data})
		}
		events = append(events, cti.Reset(cti.TopicAgent, f.last, now))
	}
	for _, topic := range []cti.Topic{cti.TopicAgent, cti.TopicCall} {
		for _, e := range cti.Snapshot(f.o.Snapshot, topic, f.last, now, f.o.Sees) {
			if f.o.Wants(&e) {
				events = append(events, e)
			}
		}
	}
	events = append(events, complete(f.last, now))
	for i := range events {
		data, err := json.Marshal(&events[i])
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		f.waiting = append(f.waiting, Message{Name: events[i].Name, Event: &events[i], Data: data})
	}
	f.waiting[len(f.waiting)-1].Cursor = f.last
	return nil
}

// complete ends a snapshot, which may be empty.
func complete(at cti.Cursor, now time.Time) cti.Event {
	return cti.Event{
		Name: NameComplete, MessageType: NameComplete, Snapshot: true, Topic: cti.TopicAgent,
		ID:     "s-" + at.Epoch + "-" + strconv.FormatUint(at.Seq, 10) + "-" + strconv.FormatInt(now.UnixNano(), 36) + "-complete",
		Cursor: at, Seq: at.Seq, Time: cti.Time{Time: now},
		Attributes: cti.Attributes{
			EventSequenceNumber: at.Seq, Time: cti.TimeStamp{Seconds: now.Unix(), Microseconds: now.Nanosecond() / 1000},
		},
	}
}
