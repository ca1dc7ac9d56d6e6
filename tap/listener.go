package tap

import (
	"context"
	"encoding/binary"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// openTime is how long the switch may take to give the sound of a party.
const openTime = 5 * time.Second

// Listener hears one call.
type Listener struct {
	taps   *Taps
	want   Want
	log    *slog.Logger
	queue  *queue
	began  time.Time
	cancel context.CancelFunc
	wg     sync.WaitGroup // of run
	once   sync.Once

	// Owned by run.
	streams map[string]*stream // by channel
	refused map[string]bool    // channels whose sound is not to be had
	ended   chan *stream       // whose sound has ended by itself
	lastID  int
	dropped uint64
}

// stream is the sound of a party on its way to the listener.
type stream struct {
	StreamInfo

	channel string
	source  Stream
	stop    chan struct{}
	gone    sync.WaitGroup // of pump
	dropped uint64         // of pump until it is gone
}

// Next waits for the next message; after the last one it gives io.EOF.
func (l *Listener) Next(ctx context.Context) (Message, error) { return l.queue.next(ctx) }

// Close ends the listening and returns when the switch has been told.
func (l *Listener) Close() {
	l.once.Do(func() {
		l.cancel()
		l.wg.Wait()
		l.taps.left()
	})
}

// run follows the call until it ends.
func (l *Listener) run(ctx context.Context) {
	defer l.queue.close()
	reason := l.follow(ctx)
	for _, s := range l.streams {
		l.end(s, reasonLeft)
	}
	l.queue.event(Event{Event: "stop", Call: l.want.Call, Reason: reason, Dropped: l.dropped})
}

func (l *Listener) follow(ctx context.Context) (reason string) {
	for first := true; ; first = false {
		legs, changed, ok := l.taps.o.Calls.Legs(l.want.Call)
		if !ok {
			return reasonCallEnded
		}
		l.adapt(ctx, legs, first)
		select {
		case <-changed:
		case s := <-l.ended:
			l.refused[s.channel] = true
			l.end(s, reasonEnded)
		case <-ctx.Done():
			return reasonShutdown
		}
	}
}

// adapt ends the streams of those who have left, and begins those of newcomers. The first start is sent in any case: it
// says how sound is coded.
func (l *Listener) adapt(ctx context.Context, legs []Leg, first bool) {
	here := func(channel string) bool {
		return slices.ContainsFunc(legs, func(leg Leg) bool { return leg.Channel == channel })
	}
	for channel, s := range l.streams {
		if !here(channel) {
			l.end(s, reasonLeft)
		}
	}
	for channel := range l.refused {
		if !here(channel) {
			delete(l.refused, channel)
		}
	}
	var begun []*stream
	var refused []StreamInfo
	infos := []StreamInfo{}
	for _, leg := range legs {
		if leg.Channel == "" || l.streams[leg.Channel] != nil || l.refused[leg.Channel] || !l.want.takes(leg) {
			continue
		}
		s := &stream{StreamInfo: StreamInfo{ID: l.nextID(), Party: leg.Party, DN: leg.DN, Number: leg.Number, Role: leg.Role}, channel: leg.Channel}
		infos = append(infos, s.StreamInfo)
		if err := l.open(ctx, s); err != nil {
			l.log.Warn("tap_unavailable", "party", leg.Number, "channel", leg.Channel, "error", err)
			l.refused[leg.Channel] = true
			s.Reason = reasonUnavailable
			refused = append(refused, s.StreamInfo)
			continue
		}
		begun = append(begun, s)
	}
	if first || len(infos) > 0 {
		l.queue.event(Event{Event: "start", Call: l.want.Call, Streams: infos, Rate: l.want.Format.Rate(), Encoding: l.want.Format})
	}
	if len(refused) > 0 {
		l.queue.event(Event{Event: "stop", Call: l.want.Call, Streams: refused})
	}
	for _, s := range begun { // no frame comes before its start
		l.streams[s.channel] = s
		s.gone.Go(func() { l.pump(ctx, s) })
	}
}

func (l *Listener) open(ctx context.Context, s *stream) (err error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	s.stop = make(chan struct{})
	s.source, err = l.taps.o.Source.Tap(ctx, s.channel)
	return err
}

// nextID gives ids in turn, so that one is used again as late as possible.
func (l *Listener) nextID() int {
	for {
		id := l.lastID
		l.lastID = (l.lastID + 1) % 256
		taken := false
		for _, s := range l.streams {
			taken = taken || s.ID == id
		}
		if !taken {
			return id
		}
	}
}

// end takes a stream out, and tells so when its last frame is in the queue.
func (l *Listener) end(s *stream, reason string) {
	close(s.stop)
	s.source.Close()
	s.gone.Wait()
	delete(l.streams, s.channel)
	l.dropped += s.dropped
	info := s.StreamInfo
	info.Reason, info.Dropped = reason, s.dropped
	l.queue.event(Event{Event: "stop", Call: l.want.Call, Streams: []StreamInfo{info}})
}

// pump codes the frames of a stream until it ends or is ended. Time goes on for what is dropped, so that the listener
// sees the gap.
func (l *Listener) pump(ctx context.Context, s *stream) {
	rate := l.want.Format.Rate()
	now := uint32(time.Since(l.began) * time.Duration(rate) / time.Second) //nolint:gosec // it wraps, as the format says
	c := newCoder(l.want.Format)
	for {
		select {
		case frame, open := <-s.source.Frames():
			if !open {
				select {
				case l.ended <- s:
				case <-s.stop:
				case <-ctx.Done():
				}
				return
			}
			message := binary.BigEndian.AppendUint32([]byte{byte(s.ID)}, now) //nolint:gosec // below 256
			message, n := c.code(message, frame)
			now += uint32(n) //nolint:gosec // a frame is short
			if n > 0 && !l.queue.frame(message) {
				s.dropped++
			}
		case <-s.stop:
			return
		}
	}
}
