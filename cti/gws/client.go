package gws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sidecar/cti"
	"sidecar/cti/bayeux"
)

// client is one session's share of the feed: a pump for each channel that it is subscribed to.
type client struct {
	// Constant.
	guide   *Guide
	session *bayeux.Session
	member  *member

	// turn lets one subscribe or close of the session work at a time.
	turn   sync.Mutex
	ext    ext
	pumps  map[string]*pump
	closed bool
}

func newClient(g *Guide, s *bayeux.Session, m *member) *client {
	return &client{guide: g, session: s, member: m, ext: readExt(s.HandshakeExt()), pumps: map[string]*pump{}}
}

// subscribe starts the events of a channel, anew if they were under way: a client that subscribes again wants to know how
// things stand. A cursor counts for the first subscription only.
func (c *client) subscribe(channel string, topic cti.Topic) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.closed {
		return bayeux.ErrClosed
	}
	again := false
	if old := c.pumps[channel]; old != nil {
		old.close()
		again = true
	}
	p := &pump{client: c, channel: channel, topic: topic}
	var err error
	since, named := c.ext.cursorFor(channel)
	if named && !again {
		err = p.resume(since)
	} else {
		err = p.start(false)
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
	topic   cti.Topic
	cancel  context.CancelFunc
	work    sync.WaitGroup

	// Owned by run, before it by subscribe.
	sub  *cti.Subscription
	last cti.Cursor // of the last event delivered
}

func (p *pump) close() {
	p.cancel()
	p.work.Wait()
}

// abandon gives up a pump that never ran.
func (p *pump) abandon() {
	if p.sub != nil {
		p.sub.Close()
	}
}

// endedFor is how long the end of a call is told to newcomers. It must outlast the time that a client needs to be back
// after its session, or the sidecar, has died: clients wait up to a minute between their attempts.
const endedFor = 2 * time.Minute

// start begins with the ends of calls that the client may have missed and a snapshot, after a Reset if the client has to forget what it knows.
func (p *pump) start(reset bool) error {
	err := p.follow(cti.Cursor{})
	if err != nil {
		return err
	}
	now := time.Now()
	var events []cti.Event
	if reset {
		events = append(events, cti.Reset(p.topic, p.last, now))
	}
	events = append(events, cti.Snapshot(p.client.guide.opts.Snapshot, p.topic, p.last, now, p.client.member.sees)...)
	messages := make([]bayeux.Event, 0, len(events))
	for _, e := range p.client.guide.opts.Feed.Ended(now.Add(-endedFor), p.wants) {
		messages = append(messages, bayeux.Event{Channel: p.channel, Data: e.Data})
	}
	for i := range events {
		data, err := json.Marshal(&events[i])
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		messages = append(messages, bayeux.Event{Channel: p.channel, Data: data})
	}
	return p.deliver(messages)
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
	if err == nil && p.sub.Backlog() > p.client.guide.opts.QueueSize/2 {
		p.sub.Close()
		return p.start(true)
	}
	return err
}

func (p *pump) follow(since cti.Cursor) error {
	o := &p.client.guide.opts
	sub, err := o.Feed.Subscribe(cti.SubscribeOptions{Since: since, Filter: p.wants, Buffer: o.Buffer})
	if err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	p.sub, p.last = sub, sub.Start()
	return nil
}

// wants is the audience check, made anew for every event.
func (p *pump) wants(e *cti.Event) bool {
	return e.Topic == p.topic && slices.ContainsFunc(e.Audience, p.client.member.sees)
}

// run ends with the session or its subscription, or with the feed.
func (p *pump) run(ctx context.Context) {
	defer func() { p.sub.Close() }()
	for {
		entries, err := p.sub.Next(ctx)
		if err == nil {
			if !p.session().Subscribed(p.channel) {
				return
			}
			err = p.pass(entries)
		}
		switch {
		case err == nil:
		case errors.Is(err, cti.ErrSlowConsumer):
			err = p.resume(p.last)
		case errors.Is(err, cti.ErrGap):
			err = p.start(true)
		}
		if err != nil {
			return
		}
	}
}

func (p *pump) pass(entries []*cti.Entry) error {
	messages := make([]bayeux.Event, len(entries))
	for i, e := range entries {
		messages[i] = bayeux.Event{Channel: p.channel, Data: e.Data}
	}
	if err := p.deliver(messages); err != nil {
		return err
	}
	p.last = entries[len(entries)-1].Event.Cursor
	return nil
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
