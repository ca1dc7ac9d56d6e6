package ari

import (
	"slices"
	"sync"
)

// watchQueue bounds what waits in one Watch.
const watchQueue = 256

// Interest names what a Watch wants to hear of.
type Interest struct {
	Channels   []ChannelID
	Bridges    []BridgeID
	Playbacks  []PlaybackID
	Recordings []RecordingName
	// Types limits to these types; empty means all.
	Types []EventType
}

// Watch is a second view on part of the event stream, beside Client.Events. It
// also carries Connected, Disconnected and Replaced.
type Watch struct {
	c    *Client
	want Interest
	out  chan Event

	mu     sync.Mutex
	closed bool
	err    error
}

// Watch starts watching. Register before the request that makes the thing, and
// no event of it is missed. Close the watch after use.
func (c *Client) Watch(want Interest) *Watch {
	w := &Watch{c: c, want: want, out: make(chan Event, watchQueue)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.State == StateClosed {
		w.end(ErrClosed)
		return w
	}
	c.watches[w] = struct{}{}
	return w
}

// Events is the stream; it ends with Close, with the client, or when its
// consumer lets 256 events pile up. Err tells which.
func (w *Watch) Events() <-chan Event { return w.out }

// Err is why the stream ended: nil after Close, ErrQueueFull, ErrClosed.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close ends the watch. It may be called more than once.
func (w *Watch) Close() {
	w.c.mu.Lock()
	delete(w.c.watches, w)
	w.c.mu.Unlock()
	w.end(nil)
}

func (w *Watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed, w.err = true, err
		close(w.out)
	}
}

func (w *Watch) offer(e Event) {
	if !w.want.matches(e) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	select {
	case w.out <- e:
	default:
		w.closed, w.err = true, ErrQueueFull
		close(w.out)
	}
}

// offerWatches shows an event to everybody watching, outside the client's lock.
func (c *Client) offerWatches(e Event) {
	c.mu.Lock()
	if len(c.watches) == 0 {
		c.mu.Unlock()
		return
	}
	all := make([]*Watch, 0, len(c.watches))
	for w := range c.watches {
		all = append(all, w)
	}
	c.mu.Unlock()
	for _, w := range all {
		w.offer(e)
	}
}

func (c *Client) closeWatches(err error) {
	c.mu.Lock()
	all := c.watches
	c.watches = map[*Watch]struct{}{}
	c.mu.Unlock()
	for w := range all {
		w.end(err)
	}
}

func (i Interest) matches(e Event) bool {
	switch e.(type) {
	case *Connected, *Disconnected, *Replaced:
		return true
	}
	if len(i.Types) > 0 && !slices.Contains(i.Types, e.Type()) {
		return false
	}
	anything := len(i.Channels)+len(i.Bridges)+len(i.Playbacks)+len(i.Recordings) == 0
	return anything || i.matchesSubject(e)
}

func (i Interest) matchesSubject(e Event) bool {
	if ce, ok := e.(ChannelEvent); ok {
		for _, ch := range ce.Channels() {
			if slices.Contains(i.Channels, ch.ID) {
				return true
			}
		}
	}
	if be, ok := e.(BridgeEvent); ok {
		for _, b := range be.Bridges() {
			if slices.Contains(i.Bridges, b.ID) {
				return true
			}
		}
	}
	switch e := e.(type) {
	case *PlaybackStarted:
		return slices.Contains(i.Playbacks, e.Playback.ID)
	case *PlaybackContinuing:
		return slices.Contains(i.Playbacks, e.Playback.ID)
	case *PlaybackFinished:
		return slices.Contains(i.Playbacks, e.Playback.ID)
	case *RecordingStarted:
		return slices.Contains(i.Recordings, e.Recording.Name)
	case *RecordingFinished:
		return slices.Contains(i.Recordings, e.Recording.Name)
	case *RecordingFailed:
		return slices.Contains(i.Recordings, e.Recording.Name)
	}
	return false
}
