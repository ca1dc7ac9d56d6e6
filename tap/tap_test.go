package tap_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is a call whose parties come and go.
type call struct {
	mu      sync.Mutex
	legs    []tap.Leg
	changed chan struct{}
	gone    bool
}

func (c *call) Legs(id string) ([]tap.Leg, <-chan struct{}, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.legs, c.changed, !c.gone && id == "C"
}

func (c *call) set(legs ...tap.Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.legs = legs
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	close(c.changed)
}

// source gives sounds that the test feeds.
type source struct {
	mu    sync.Mutex
	sound map[string]*sound
	fails map[string]error
	asked int
}

type sound struct {
	frames chan []byte
	once   sync.Once
	closed chan struct{}
}

func (s *sound) Frames() <-chan []byte { return s.frames }
func (s *sound) Close()                { s.once.Do(func() { close(s.closed) }) }

func (s *source) Tap(_ context.Context, channel string) (tap.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if err := s.fails[channel]; err != nil {
		return nil, err
	}
	made := &sound{frames: make(chan []byte), closed: make(chan struct{})}
	s.sound[channel] = made
	return made, nil
}

func (s *source) of(channel string) *sound {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sound[channel]
}

type lab struct {
	t      *testing.T
	call   *call
	source *source
	taps   *tap.Taps
}

func newLab(t *testing.T, legs ...tap.Leg) *lab {
	t.Helper()
	l := &lab{
		t: t, call: &call{legs: legs, changed: make(chan struct{})},
		source: &source{sound: map[string]*sound{}, fails: map[string]error{}},
	}
	l.taps = tap.New(tap.Options{Calls: l.call, Source: l.source, Log: slog.New(slog.DiscardHandler), Max: 2, Queue: 5})
	return l
}

func (l *lab) open(f tap.Format, numbers ...string) *tap.Listener {
	l.t.Helper()
	listener, err := l.taps.Open(tap.Want{Call: "C", Numbers: numbers, Format: f})
	require.NoError(l.t, err)
	return listener
}

// event reads a message that must be an event.
func (l *lab) event(from *tap.Listener) tap.Event {
	l.t.Helper()
	m, err := from.Next(l.t.Context())
	require.NoError(l.t, err)
	require.NotNil(l.t, m.Event, "a frame came")
	return *m.Event
}

func (l *lab) frame(from *tap.Listener) (id byte, at uint32, payload []byte) {
	l.t.Helper()
	m, err := from.Next(l.t.Context())
	require.NoError(l.t, err)
	require.Nil(l.t, m.Event)
	return m.Frame[0], binary.BigEndian.Uint32(m.Frame[1:]), m.Frame[5:]
}

func leg(number string) tap.Leg {
	return tap.Leg{Channel: "ch-" + number, Party: "p" + number, DN: number, Number: number, Role: "RoleDestination"}
}

func info(id int, number string) tap.StreamInfo {
	return tap.StreamInfo{ID: id, Party: "p" + number, DN: number, Number: number, Role: "RoleDestination"}
}

func stopped(id int, number, reason string, dropped uint64) tap.Event {
	i := info(id, number)
	i.Reason, i.Dropped = reason, dropped
	return tap.Event{Event: "stop", Call: "C", Streams: []tap.StreamInfo{i}}
}

func started(f tap.Format, streams ...tap.StreamInfo) tap.Event {
	if streams == nil {
		streams = []tap.StreamInfo{}
	}
	return tap.Event{Event: "start", Call: "C", Streams: streams, Rate: f.Rate(), Encoding: f}
}

func TestPartiesComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		defer l.taps.Close()
		ear := l.open(tap.SLIN16)
		defer ear.Close()
		require.Equal(t, started(tap.SLIN16), l.event(ear), "a start comes also when nobody speaks yet")

		l.call.set(leg("5001"), leg("5002"))
		require.Equal(t, started(tap.SLIN16, info(0, "5001"), info(1, "5002")), l.event(ear))
		time.Sleep(time.Second)
		first := wide(450, 1)
		l.source.of("ch-5002").frames <- first
		id, at, payload := l.frame(ear)
		require.EqualValues(t, 1, id)
		require.EqualValues(t, 0, at)
		require.Equal(t, first, payload)
		l.source.of("ch-5002").frames <- first
		_, at, _ = l.frame(ear)
		require.EqualValues(t, 320, at)

		l.call.set(leg("5002"), leg("5003"))
		require.Equal(t, stopped(0, "5001", "left", 0), l.event(ear))
		require.Equal(t, started(tap.SLIN16, info(2, "5003")), l.event(ear))
		<-l.source.of("ch-5001").closed
		l.source.of("ch-5003").frames <- first
		id, at, _ = l.frame(ear)
		require.EqualValues(t, 2, id)
		require.EqualValues(t, 16000, at, "all streams count from when the listener came")

		l.call.set(leg("5003"))
		require.Equal(t, stopped(1, "5002", "left", 0), l.event(ear))
		l.call.end()
		require.Equal(t, stopped(2, "5003", "left", 0), l.event(ear))
		require.Equal(t, tap.Event{Event: "stop", Call: "C", Reason: "call_ended"}, l.event(ear))
		_, err := ear.Next(t.Context())
		require.ErrorIs(t, err, io.EOF)
		<-l.source.of("ch-5003").closed
	})
}

func TestOnlyThoseWhoAreWanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		customer := tap.Leg{Channel: "ch-c", Party: "1", Number: "+4930123", Role: "RoleOrigination"}
		l := newLab(t, customer, leg("5001"), leg("5002"))
		defer l.taps.Close()
		ear := l.open(tap.PCMU, "+4930123", "5002")
		defer ear.Close()
		require.Equal(t, started(tap.PCMU, tap.StreamInfo{ID: 0, Party: "1", Number: "+4930123", Role: "RoleOrigination"}, info(1, "5002")), l.event(ear))
		require.Nil(t, l.source.of("ch-5001"), "who is not wanted is not tapped")
		for i := range 3 {
			l.source.of("ch-c").frames <- wide(450, 1)
			_, at, payload := l.frame(ear)
			require.EqualValues(t, 160*i, at)
			require.Len(t, payload, 160)
		}
	})
}

// A slow listener loses sound, never an event, and learns how much it lost.
func TestSlowListener(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, leg("5001"))
		defer l.taps.Close()
		ear := l.open(tap.SLIN16)
		defer ear.Close()
		require.Equal(t, started(tap.SLIN16, info(0, "5001")), l.event(ear))
		for range 8 {
			l.source.of("ch-5001").frames <- wide(450, 1) // nobody reads
		}
		l.call.set(leg("5001"), leg("5002"))
		synctest.Wait()
		for i := range 5 {
			_, at, _ := l.frame(ear)
			require.EqualValues(t, 320*i, at)
		}
		require.Equal(t, started(tap.SLIN16, info(1, "5002")), l.event(ear))
		l.source.of("ch-5001").frames <- wide(450, 1)
		_, at, _ := l.frame(ear)
		require.EqualValues(t, 320*8, at, "the gap shows")
		l.call.set(leg("5002"))
		require.Equal(t, stopped(0, "5001", "left", 3), l.event(ear))
		l.call.end()
		require.Equal(t, stopped(1, "5002", "left", 0), l.event(ear))
		require.Equal(t, tap.Event{Event: "stop", Call: "C", Reason: "call_ended", Dropped: 3}, l.event(ear))
	})
}

func TestSoundThatIsNotToBeHad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, leg("5001"), leg("5002"))
		defer l.taps.Close()
		l.source.fails["ch-5001"] = errors.New("no such channel")
		ear := l.open(tap.SLIN16)
		defer ear.Close()
		require.Equal(t, started(tap.SLIN16, info(0, "5001"), info(1, "5002")), l.event(ear))
		require.Equal(t, stopped(0, "5001", "unavailable", 0), l.event(ear))
		close(l.source.of("ch-5002").frames) // the switch went away
		require.Equal(t, stopped(1, "5002", "ended", 0), l.event(ear))
		l.call.set(leg("5001"), leg("5002"))
		synctest.Wait()
		require.Equal(t, 2, l.source.asked, "what failed is not asked for over and over")

		other := leg("5002")
		other.Channel = "ch-new"
		l.call.set(leg("5001"), other)
		require.Equal(t, started(tap.SLIN16, info(2, "5002")), l.event(ear))
	})
}

func TestLimitsOfListening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, leg("5001"))
		_, err := l.taps.Open(tap.Want{Call: "D"})
		require.ErrorIs(t, err, tap.ErrNoCall)
		a, b := l.open(tap.SLIN16), l.open(tap.SLIN16)
		_, err = l.taps.Open(tap.Want{Call: "C"})
		require.ErrorIs(t, err, tap.ErrTooMany)
		a.Close()
		a.Close()
		require.Equal(t, 1, l.taps.Count())

		l.event(b)
		var closing sync.WaitGroup
		closing.Go(l.taps.Close)
		require.Equal(t, stopped(0, "5001", "left", 0), l.event(b))
		require.Equal(t, tap.Event{Event: "stop", Call: "C", Reason: "shutdown"}, l.event(b))
		_, err = l.taps.Open(tap.Want{Call: "C"})
		require.ErrorIs(t, err, tap.ErrClosed)
		b.Close()
		closing.Wait()
	})
}

func TestAListenerMayGoAtAnyMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, leg("5001"))
		defer l.taps.Close()
		for range 300 { // more than there are ids
			ear := l.open(tap.SLIN16)
			l.event(ear)
			ear.Close()
			<-l.source.of("ch-5001").closed
		}
		ear := l.open(tap.SLIN16)
		ctx, cancel := context.WithCancel(t.Context())
		l.event(ear)
		cancel()
		_, err := ear.Next(ctx)
		require.ErrorIs(t, err, context.Canceled)
		for i := range 300 {
			next := leg("5001")
			next.Channel = string(rune('a'+i%20)) + "-channel"
			l.call.set(next)
			require.Equal(t, "stop", l.event(ear).Event)
			require.Equal(t, (i+1)%256, l.event(ear).Streams[0].ID)
		}
		ear.Close()
	})
}
