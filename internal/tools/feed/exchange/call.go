package exchange

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// patience bounds the wait for each thing that the sidecar does.
const patience = 10 * time.Second

// Moment is a frame of a call that clients of the sidecar are told of.
type Moment int

// The moments, and the frames that they are.
const (
	Ringing  Moment = iota // ChannelStateChange of the agent's channel
	Answered               // ChannelStateChange of it
	Ended                  // ChannelDestroyed of the caller's channel
	Moments
)

// call is one that is played. The names are set while nobody else looks at them.
type call struct {
	dn, number, caller, leg, bridge string

	rings, talks, over chan struct{} // each is closed when the sidecar has done what leads there
}

// Call plays one call from a trunk to a DN that no other call is at, and returns when Asterisk would know nothing of it any
// more. The number is what the caller has dialled.
func (x *Exchange) Call(ctx context.Context, dn, number string) error {
	c := &call{
		dn: dn, number: number, caller: fmt.Sprintf("%d.%d", x.began.Unix(), x.calls.Add(1)),
		rings: make(chan struct{}), talks: make(chan struct{}), over: make(chan struct{}),
	}
	x.mu.Lock()
	x.byDN[dn], x.byChannel[c.caller] = c, c
	x.mu.Unlock()
	defer x.forget(c)
	if err := x.send(c, arrived); err != nil {
		return err
	}
	for _, next := range []struct {
		until chan struct{}
		what  string
		pause time.Duration
		then  step
	}{
		{c.rings, "dial", x.o.Ring, answered}, {c.talks, "join", x.o.Talk, hungUp}, {c.over, "hang up", 0, ""},
	} {
		select {
		case <-next.until:
		case <-time.After(patience):
			return fmt.Errorf("%w: %s %s", errSilent, next.what, dn)
		case <-ctx.Done():
			return fmt.Errorf("calling %s: %w", dn, context.Cause(ctx))
		}
		if next.then == "" {
			return nil
		}
		select {
		case <-time.After(next.pause):
		case <-ctx.Done():
			return fmt.Errorf("calling %s: %w", dn, context.Cause(ctx))
		}
		if err := x.send(c, next.then); err != nil {
			return err
		}
	}
	return nil
}

func (x *Exchange) forget(c *call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.byDN, c.dn)
	delete(x.byChannel, c.caller)
	delete(x.byChannel, c.leg)
}

// moment says which one a frame is.
func moment(of step, frame string) (m Moment, ok bool) {
	switch {
	case of == dialled && strings.HasPrefix(frame, `{"type":"ChannelStateChange"`):
		return Ringing, true
	case of == answered && strings.HasPrefix(frame, `{"type":"ChannelStateChange"`):
		return Answered, true
	case of == hungUp && strings.HasPrefix(frame, `{"type":"ChannelDestroyed"`):
		return Ended, true
	}
	return 0, false
}

// send sends a step's frames. Of what is told twice, the first time counts.
func (x *Exchange) send(c *call, s step) error {
	fill := strings.NewReplacer("{caller}", c.caller, "{number}", c.number, "{leg}", c.leg, "{bridge}", c.bridge, "{dn}", c.dn, "{now}", stamp())
	x.writing.Lock()
	defer x.writing.Unlock()
	if x.socket == nil {
		return errSocket
	}
	told := false
	for _, frame := range x.script[s] {
		if x.unwanted(frame) {
			continue
		}
		text := []byte(fill.Replace(frame))
		if m, ok := moment(s, frame); ok && !told {
			told = true
			x.o.Sending(c.dn, m)
		}
		if err := x.socket.WriteMessage(websocket.TextMessage, text); err != nil {
			return fmt.Errorf("event socket: %w", err)
		}
	}
	return nil
}

func (x *Exchange) unwanted(frame string) bool {
	return slices.ContainsFunc(x.ignored, func(of string) bool { return strings.Contains(frame, `"type":"`+of+`"`) })
}
