package gws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/bayeux"
)

// client is one session's share of the feed: a pump for each channel that it is subscribed to.
type client struct {
	// Constant.
	of      *Sessions
	session *bayeux.Session
	member  *Member

	// turn lets one subscribe or close of the session work at a time.
	turn   sync.Mutex
	ext    ext
	pumps  map[string]*pump
	closed bool
}

func newClient(of *Sessions, s *bayeux.Session, m *Member) *client {
	return &client{of: of, session: s, member: m, ext: readExt(s.HandshakeExt()), pumps: map[string]*pump{}}
}

// subscribe starts the events of a channel, anew if they were under way: a client that subscribes again wants to know how
// things stand, or, of a stream without a snapshot, misses nothing by it. A cursor counts for the first subscription only.
func (c *client) subscribe(channel string, stream Stream) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.closed {
		return bayeux.ErrClosed
	}
	since, named := c.ext.cursorFor(channel)
	if old := c.pumps[channel]; old != nil {
		old.close()
		since, named = old.last, !stream.Snapshot && stream.Begin == nil && !old.left
	}
	p := &pump{client: c, channel: channel, stream: stream}
	p.begin = func() error { return p.start(false) }
	if named {
		p.begin = func() error { return p.resume(since) }
	}
	err := p.begin()
	if errors.Is(err, cti.ErrStalled) {
		err = nil // run waits for the feed
	}
	if err != nil {
		p.abandon()
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	c.pumps[channel] = p
	p.work.Go(func() { p.run(ctx) })
	return nil
}

// unsubscribe ends the events of a channel: what happens from now on is not told, even if the client comes back at once.
func (c *client) unsubscribe(channel string) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if p := c.pumps[channel]; p != nil {
		p.close()
		p.left = true
	}
}

func (c *client) close() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.closed = true
	for _, p := range c.pumps {
		p.close()
	}
}

// pump takes a channel's events from the feed to the session.
type pump struct {
	// Constant once it runs.
	client  *client
	channel string
	stream  Stream
	cancel  context.CancelFunc
	work    sync.WaitGroup

	// Owned by run, before and after it by the client's turn.
	begin func() error // what run does first if it was not done
	sub   *cti.Subscription
	last  cti.Cursor // of the last event delivered
	left  bool       // the client has unsubscribed

	encode func(e *cti.Event) []any // nil: the event's own JSON
}

func (p *pump) close() {
	p.cancel()
	p.work.Wait()
}

// abandon gives up the subscription if there is one.
func (p *pump) abandon() {
	if p.sub != nil {
		p.sub.Close()
		p.sub = nil // run sees that there is none
	}
}

// endedFor is how long the end of a call is told to newcomers. It must outlast the time that a client needs to be back
// after its session, or the sidecar, has died: clients wait up to a minute between their attempts.
const endedFor = 2 * time.Minute

// start begins with the ends of calls that the client may have missed and a snapshot, after a Reset if the client has to forget what it knows.
func (p *pump) start(reset bool) error {
	p.encode = nil
	err := p.follow(cti.Cursor{})
	if err != nil || !reset && !p.stream.Snapshot {
		return err
	}
	o, now := &p.client.of.opts, time.Now()
	var messages []bayeux.Event
	for _, e := range o.Feed.Ended(now.Add(-endedFor), p.wants) {
		messages = p.message(messages, e)
	}
	var events []cti.Event
	if reset {
		events = append(events, cti.Reset(p.stream.Topic, p.last, now))
	}
	events = append(events, cti.Snapshot(o.Snapshot, p.stream.Topic, p.last, now, p.sees)...)
	for i := range events {
		data, err := json.Marshal(&events[i])
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		messages = p.message(messages, &cti.Entry{Event: events[i], Data: data})
	}
	return p.deliver(messages)
}

// message adds what the event is told by on the channel.
func (p *pump) message(to []bayeux.Event, e *cti.Entry) []bayeux.Event {
	if p.encode == nil {
		return append(to, bayeux.Event{Channel: p.channel, Data: e.Data, Checked: true})
	}
	for _, value := range p.encode(&e.Event) {
		event, err := bayeux.NewEvent(p.channel, value)
		if err != nil { // a dialect's types can all be written
			p.client.of.opts.Logger.Error("event_lost", "channel", p.channel, "event", e.Event.ID, "error", err)
			continue
		}
		to = append(to, event)
	}
	return to
}

// resume begins with the events after since, if the feed still has them and the session's queue can take them.
func (p *pump) resume(since cti.Cursor) error {
	if since.IsZero() {
		return p.start(true)
	}
	err := p.follow(since)
	if errors.Is(err, cti.ErrUnknownEpoch) || errors.Is(err, cti.ErrTooOld) {
		return p.start(true)
	}
	if err == nil && p.sub.Backlog() > p.client.of.opts.QueueSize/2 {
		p.abandon()
		return p.start(true)
	}
	return err
}

func (p *pump) follow(since cti.Cursor) error {
	o := &p.client.of.opts
	sub, err := o.Feed.Subscribe(cti.SubscribeOptions{Since: since, Filter: p.wants, Buffer: o.Buffer})
	if err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	p.sub, p.last = sub, sub.Start()
	switch m := p.client.member; {
	case p.encode != nil: // it goes on
	case p.stream.Begin != nil:
		p.encode = p.stream.Begin(m)
	case p.stream.Encode != nil:
		p.encode = func(e *cti.Event) []any { return p.stream.Encode(m, e) }
	}
	return nil
}

// wants is the audience check, made anew for every event.
func (p *pump) wants(e *cti.Event) bool {
	return e.Topic == p.stream.Topic && slices.ContainsFunc(e.Audience, p.sees)
}

func (p *pump) sees(dn bridge.DN) bool {
	if p.stream.Own {
		return p.client.member.Owns(string(dn))
	}
	return p.client.member.Sees(string(dn))
}

// run ends with the session or its subscription, or with the feed.
func (p *pump) run(ctx context.Context) {
	defer p.abandon()
	for p.sub == nil { // the feed had no place for us yet
		if p.client.of.opts.Feed.Wait(ctx) != nil {
			return
		}
		if err := p.begin(); err != nil && !errors.Is(err, cti.ErrStalled) {
			return
		}
	}
	for {
		entries, err := p.sub.Next(ctx)
		if err == nil {
			p.client.of.holds.wait(ctx, p.client.member.Token())
			if p.left = !p.session().Subscribed(p.channel); p.left {
				return
			}
			err = p.pass(entries)
		}
		switch {
		case err == nil:
		case errors.Is(err, cti.ErrSlowConsumer):
			err = p.resume(p.last)
		case errors.Is(err, cti.ErrGap), errors.Is(err, cti.ErrTooOld):
			err = p.start(true)
		}
		if errors.Is(err, cti.ErrStalled) { // also when it was too slow, or there was a gap, a moment before
			p.session().Drop(ReasonStalled)
		}
		if err != nil {
			return
		}
	}
}

func (p *pump) pass(entries []*cti.Entry) error {
	messages := make([]bayeux.Event, 0, len(entries))
	for _, e := range entries {
		messages = p.message(messages, e)
	}
	if bytesOf(messages) > p.client.of.opts.QueueBytes/2 { // as with too long a backlog
		p.abandon()
		return p.start(true)
	}
	if err := p.deliver(messages); err != nil {
		return err
	}
	p.last = entries[len(entries)-1].Event.Cursor
	return nil
}

func bytesOf(messages []bayeux.Event) (n int) {
	for i := range messages {
		n += len(messages[i].Data)
	}
	return n
}

func (p *pump) deliver(messages []bayeux.Event) error {
	if len(messages) == 0 {
		return nil
	}
	if err := p.session().Deliver(messages...); err != nil {
		return fmt.Errorf("deliver to %s: %w", p.channel, err)
	}
	return nil
}

func (p *pump) session() *bayeux.Session { return p.client.session }
