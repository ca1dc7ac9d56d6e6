package ariswitch

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sidecar/ari"
	"sidecar/bridge"
)

// ourTap is the Stasis argument of snoop channels of taps, which are none of the engine's.
const ourTap = "tap"

const (
	tapFormat  = "slin16"         // 16 kHz, 16 bits, little endian on a WebSocket
	tapQueue   = 50               // frames of 20 ms: a second
	tapTimeout = 10 * time.Second // to set one up, and to take it away
)

// Taps lets others hear what the parties of calls say, as streams. A tap is a snoop channel and a WebSocket channel in a
// bridge of their own, named <node>-tap...: no interaction's, so that they are removed as orphans after a crash, and also
// after a gap of the event socket, which ends the streams.
type Taps struct {
	clients map[bridge.ServerID]*ari.Client
	prefix  string
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc

	mu sync.Mutex // Close does not wait while a stream starts
	wg sync.WaitGroup
}

// NewTaps makes taps of the clients' servers. Node is the engine's.
func NewTaps(clients []*ari.Client, node string, log *slog.Logger) *Taps {
	ctx, cancel := context.WithCancel(context.Background())
	t := &Taps{clients: map[bridge.ServerID]*ari.Client{}, prefix: node + "-tap", log: log, ctx: ctx, cancel: cancel}
	for _, c := range clients {
		t.clients[bridge.ServerID(c.Server())] = c
	}
	return t
}

// Close ends all streams and returns when their channels are gone from Asterisk.
func (t *Taps) Close() {
	t.mu.Lock()
	t.cancel()
	t.mu.Unlock()
	t.wg.Wait()
}

// Stream is what one party says: PCM of 16 kHz, 16 bits, little endian.
type Stream struct {
	frames  chan []byte
	dropped atomic.Uint64
	cancel  context.CancelFunc
	done    chan struct{}
}

// Frames gives 20 ms each. It ends with the leg, with Close, and with the server. A reader that is a second behind loses
// the oldest.
func (s *Stream) Frames() <-chan []byte { return s.frames }

// Dropped counts the frames that were lost since their reader was too slow.
func (s *Stream) Dropped() uint64 { return s.dropped.Load() }

// Close ends the stream and returns when its channels are gone from Asterisk. It may be called more than once.
func (s *Stream) Close() {
	s.cancel()
	<-s.done
}

// offer hands a frame to the reader, at the cost of the oldest one.
func (s *Stream) offer(frame []byte) {
	for {
		select {
		case s.frames <- frame:
			return
		default:
		}
		select {
		case <-s.frames:
			s.dropped.Add(1)
		default:
		}
	}
}

// Tap begins to stream what the party of a channel says.
func (t *Taps) Tap(ctx context.Context, ch bridge.ChannelID) (*Stream, error) { //nolint:contextcheck // the stream outlives the request for it
	client, ok := t.clients[ch.Server]
	if !ok {
		return nil, fmt.Errorf("%s: %w", ch.Server, ErrUnknownServer)
	}
	name := t.prefix + strings.ToLower(rand.Text())
	w := &tap{client: client, of: ari.ChannelID(ch.ID), snoop: ari.ChannelID(name + ".1"), media: ari.ChannelID(name + ".2"), bridge: ari.BridgeID(name)}
	w.watch = client.Watch(ari.Interest{Channels: []ari.ChannelID{w.snoop, w.media}})
	if err := w.setUp(ctx); err != nil {
		w.takeAway(ctx)
		return nil, fmt.Errorf("tap %s: %w", ch.ID, outcome(err))
	}
	run, cancel := context.WithCancel(t.ctx)
	s := &Stream{frames: make(chan []byte, tapQueue), cancel: cancel, done: make(chan struct{})}
	log := t.log.With("channel", ch.ID, "tap", name)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wg.Go(func() { // after Close it ends at once
		defer close(s.done)
		defer close(s.frames)
		defer cancel()
		log.Info("tap_started")
		frames := w.run(run, s)
		log.Info("tap_ended", "frames", frames, "dropped", s.Dropped())
	})
	return s, nil
}

// tap is what Asterisk has of one stream.
type tap struct {
	client       *ari.Client
	of           ari.ChannelID
	snoop, media ari.ChannelID
	bridge       ari.BridgeID
	watch        *ari.Watch
	socket       *ari.MediaSocket // nil until it is connected
}

// setUp makes the channels and connects them. The WebSocket channel gets into our application when we have dialled it.
func (w *tap) setUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tapTimeout)
	defer cancel()
	_, err := w.client.Channels().SnoopChannelWithID(ctx, w.of, w.snoop, ari.ChannelSnoopChannelWithIDParams{
		App: w.client.App(), AppArgs: ourTap, Spy: string(bridge.HearIn),
	})
	if err != nil {
		return fmt.Errorf("make the snoop channel: %w", err)
	}
	media, err := w.client.Channels().ExternalMedia(ctx, ari.ChannelExternalMediaParams{
		ChannelID: w.media, App: w.client.App(), ExternalHost: "INCOMING", Format: tapFormat,
		Transport: "websocket", Encapsulation: "none", ConnectionType: "server",
	})
	if err != nil {
		return fmt.Errorf("make the media channel: %w", err)
	}
	if w.socket, err = w.client.DialMedia(ctx, media.ChannelVars[ari.MediaConnectionVariable]); err != nil {
		return fmt.Errorf("connect the media channel: %w", err)
	}
	if err := w.bothStarted(ctx); err != nil {
		return err
	}
	if _, err := w.client.Bridges().CreateWithID(ctx, w.bridge, ari.BridgeCreateWithIDParams{Type: string(ari.BridgeTypeMixing), Name: ourTap}); err != nil {
		return fmt.Errorf("create bridge: %w", err)
	}
	if err := w.client.Bridges().AddChannel(ctx, w.bridge, ari.BridgeAddChannelParams{Channel: []ari.ChannelID{w.snoop, w.media}}); err != nil {
		return fmt.Errorf("add channels to bridge: %w", err)
	}
	return nil
}

// bothStarted waits until both channels are in our application, since they can't be put into a bridge before.
func (w *tap) bothStarted(ctx context.Context) error {
	for started := map[ari.ChannelID]bool{}; len(started) < 2; {
		select {
		case event := <-w.watch.Events():
			if w.over(event) {
				return fmt.Errorf("%w: it ended meanwhile", ari.ErrGone)
			}
			if e, ok := event.(*ari.StasisStart); ok {
				started[e.Channel.ID] = true
			}
		case <-ctx.Done():
			return fmt.Errorf("wait for the channels: %w", ctx.Err())
		}
	}
	return nil
}

// over reports whether an event, nil at the end of the watch, means that the tap is.
func (w *tap) over(event ari.Event) bool {
	switch event.(type) {
	case nil, *ari.StasisEnd, *ari.ChannelDestroyed, *ari.Disconnected, *ari.Replaced:
		return true
	default:
		return false
	}
}

// run hands over frames until the party, the reader or the connection ends it, and counts them. The snoop channel ends
// with the party; Asterisk leaves the other one alone then.
func (w *tap) run(ctx context.Context, s *Stream) (frames int) {
	ended := make(chan struct{})
	go func() { // joined by <-ended
		defer close(ended)
		for {
			frame, err := w.socket.Read()
			if err != nil {
				return
			}
			frames++
			s.offer(frame)
		}
	}()
	for over := false; !over; {
		select {
		case event := <-w.watch.Events():
			over = w.over(event)
		case <-ended:
			over = true
		case <-ctx.Done():
			over = true
		}
	}
	w.takeAway(ctx)
	<-ended
	return frames
}

// takeAway removes what there is of the tap.
func (w *tap) takeAway(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tapTimeout)
	defer cancel()
	w.watch.Close()
	if w.socket != nil {
		_ = w.socket.Close()
	}
	// What fails here is removed as an orphan at the end of the next gap.
	_ = w.client.Channels().Hangup(ctx, w.snoop, ari.ChannelHangupParams{})
	_ = w.client.Channels().Hangup(ctx, w.media, ari.ChannelHangupParams{})
	_ = w.client.Bridges().Destroy(ctx, w.bridge)
}
