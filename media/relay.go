package media

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// End is one side of a relay: a BrowserLeg or an RTPSession.
type End interface {
	// Formats are what the end agreed on with its other side, codecs first; the first one is what it prefers.
	Formats() []Format
	Carries(c Codec) bool
	// Preferred is the first codec of Formats, Unknown before there is one.
	Preferred() Codec
	SetSink(sink Sink)
	Forward(source uint64, codec Codec, header *rtp.Header, payload []byte) error
	Skip(source uint64, seq uint16)
}

// Side says which end of a relay is meant.
type Side uint8

// The two ends.
const (
	Browser Side = iota
	Upstream
)

// Relay carries packets between a browser's leg and an upstream's. A codec that both legs have passes untouched, with a
// header in the numbers of the leg that it leaves by. Only where there is no common one, G.711 and G.722 are converted.
type Relay struct {
	links [2]*link // indexed by the side that they lead to

	mu      sync.Mutex
	players [2]*player
	closed  bool
}

// link is one direction. What it needs per packet is in place when it starts: it allocates nothing.
type link struct {
	to      End
	source  uint64      // upper half of the source key; the lower one is the SSRC
	muted   atomic.Bool // somebody else plays to this end
	dropped atomic.Uint64
	failed  atomic.Uint64

	// Owned by the reader of the other end. lastEvent joins the packets of one digit whose clock must change.
	lastEvent, eventStart uint32
	inEvent               bool
	lastSound             uint32 // timestamp of the last packet of sound
	converter             *converter
}

// NewRelay begins to relay between two legs. What comes for a codec that the other leg doesn't have is left out and
// counted; CheckCodecs says beforehand whether that would be everything. Stop ends it.
func NewRelay(browser, upstream End) *Relay {
	r := &Relay{links: [2]*link{newLink(browser), newLink(upstream)}}
	upstream.SetSink(r.links[Browser].take)
	browser.SetSink(r.links[Upstream].take)
	return r
}

func newLink(to End) *link {
	return &link{to: to, source: uint64(rand.Uint32()|1) << 32} //nolint:gosec // tells sources apart, no secret
}

// CheckCodecs says whether two legs that agreed on these formats can hear each other.
func CheckCodecs(browser, upstream []Format) error {
	ours, theirs := codecsOf(browser), codecsOf(upstream)
	if len(ours) == 0 || len(theirs) == 0 {
		return fmt.Errorf("relay: %w", ErrNotNegotiated)
	}
	if slices.ContainsFunc(ours, func(c Codec) bool { return slices.Contains(theirs, c) }) {
		return nil
	}
	if convertible(ours[0]) && convertible(theirs[0]) {
		return nil
	}
	return fmt.Errorf("%w between %v and %v: this program converts PCMU, PCMA and G722 only; opus needs libopus, which it does not carry", ErrNoTranscoder, ours[0], theirs[0])
}

// take is the sink of the end that the link comes from.
func (l *link) take(codec Codec, packet *rtp.Packet) {
	if l.muted.Load() {
		return
	}
	h := &packet.Header
	source := l.source | uint64(h.SSRC)
	if !codec.IsEvent() {
		l.lastSound = h.Timestamp
	}
	switch {
	case codec != Unknown && l.to.Carries(codec):
	case codec.IsEvent() && l.to.Carries(otherEvent(codec)):
		codec = l.convertEvent(codec, packet)
	case l.convert(codec, packet):
		codec = l.converter.to
	default:
		l.dropped.Add(1)
		l.to.Skip(source, h.SequenceNumber)
		return
	}
	if err := l.to.Forward(source, codec, h, packet.Payload); err != nil {
		l.failed.Add(1)
	}
}

// convert puts the payload into the codec that the far end prefers; it reports false when it can't.
func (l *link) convert(codec Codec, packet *rtp.Packet) bool {
	to := l.to.Preferred()
	if !convertible(codec) || !convertible(to) || len(packet.Payload) > receiveMTU {
		return false
	}
	if l.converter == nil || l.converter.from != codec || l.converter.to != to {
		l.converter = newConverter(codec, to)
	}
	packet.Payload = l.converter.convert(packet.Payload)
	return true
}

func otherEvent(c Codec) Codec {
	if c == Event8k {
		return Event48k
	}
	return Event8k
}

// convertEvent moves a digit to the other clock. Its own timestamp means nothing there, so the digit begins where the
// sound is.
func (l *link) convertEvent(codec Codec, packet *rtp.Packet) Codec {
	if !l.inEvent || packet.Timestamp != l.lastEvent {
		l.inEvent, l.lastEvent, l.eventStart = true, packet.Timestamp, l.lastSound
	}
	packet.Timestamp = l.eventStart
	other := otherEvent(codec)
	rescale(packet.Payload, codec.ClockRate(), other.ClockRate())
	return other
}

// Dropped is the number of packets towards a side that were left out because it doesn't have their codec; Failed is the
// number of those that its socket refused.
func (r *Relay) Dropped(to Side) uint64 { return r.links[to&1].dropped.Load() }

// Failed is described with Dropped.
func (r *Relay) Failed(to Side) uint64 { return r.links[to&1].failed.Load() }

// Play sends sound of our own to one side in place of what the other side says: music or silence while held, or while
// the other side is away. It replaces what plays already. Resume ends it.
func (r *Relay) Play(to Side, sound Sound) error {
	r.Resume(to)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	l := r.links[to&1]
	p, err := newPlayer(l.to, sound)
	if err != nil {
		return err
	}
	l.muted.Store(true)
	r.players[to&1] = p
	p.start()
	return nil
}

// Resume lets one side hear the other one again. It changes nothing if nothing plays.
func (r *Relay) Resume(to Side) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.players[to&1]; p != nil {
		p.stop()
		r.players[to&1] = nil
		r.links[to&1].muted.Store(false)
	}
}

// Stop ends the relay and what plays. The legs live on.
func (r *Relay) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	r.links[Browser].to.SetSink(nil)
	r.links[Upstream].to.SetSink(nil)
	for _, p := range r.players {
		if p != nil {
			p.stop()
		}
	}
}

// Sound fills samples with the next 20 ms of sound at 8 kHz. It is called from one goroutine.
type Sound func(samples []int16)

// Silence is the Sound of nothing.
func Silence(samples []int16) { clear(samples) }

const (
	playStep    = 20 * time.Millisecond
	playSamples = 160
	// maxBurst bounds what is sent at once after the process was held up.
	maxBurst = 5
)

// player sends sound of our own at the pace of a telephone.
type player struct {
	to     End
	source uint64
	sound  Sound
	codec  Codec
	encode encoder
	done   chan struct{}
	wg     sync.WaitGroup
}

func newPlayer(to End, sound Sound) (*player, error) {
	formats := to.Formats()
	if len(formats) == 0 {
		return nil, fmt.Errorf("play: %w", ErrNotNegotiated)
	}
	encode, err := newEncoder(formats[0].Codec)
	if err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	return &player{
		to: to, sound: sound, codec: formats[0].Codec, encode: encode, done: make(chan struct{}),
		source: rand.Uint64() | 1, //nolint:gosec // tells sources apart, no secret
	}, nil
}

func (p *player) start() { p.wg.Go(p.run) }

func (p *player) stop() {
	close(p.done)
	p.wg.Wait()
}

func (p *player) run() {
	ticker := time.NewTicker(playStep)
	defer ticker.Stop()
	samples, payload := make([]int16, playSamples), make([]byte, 0, receiveMTU)
	var header rtp.Header
	begin, sent := time.Now(), 0
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
		}
		due := int(time.Since(begin) / playStep)
		for sent = max(sent, due-maxBurst); sent < due; sent++ {
			p.sound(samples)
			payload = p.encode(payload[:0], samples)
			out := header
			out.Version = 2
			// The end counts what it can't send; the next packet may get through.
			_ = p.to.Forward(p.source, p.codec, &out, payload)
			header.SequenceNumber++
			header.Timestamp += frameTicks(p.codec.ClockRate())
		}
	}
}
