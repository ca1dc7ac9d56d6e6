package media

import (
	"fmt"
	"slices"
	"sync"

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
// header in the numbers of the leg that it leaves by. Only where there is no common one, the sound is converted (CanTranscode).
type Relay struct {
	mu      sync.Mutex
	links   [2]*link // indexed by the side that they lead to
	players [2]*player
	closed  bool
}

// NewRelay begins to relay between two legs. What comes for a codec that the other leg doesn't have is left out and
// counted; CheckCodecs says beforehand whether that would be everything. Stop ends it.
func NewRelay(browser, upstream End) *Relay {
	r := &Relay{links: [2]*link{newLink(browser), newLink(upstream)}}
	r.connectLocked()
	return r
}

func (r *Relay) connectLocked() {
	browser, upstream := r.links[Browser], r.links[Upstream]
	upstream.to.SetSink(browser.take)
	browser.to.SetSink(upstream.take)
}

// Replace puts another End in place of one side: the browser's next leg after its page was loaded again. The other side
// doesn't notice, for its stream goes on with the next number and the time that has passed; what plays to either side plays
// on. The old End is the caller's to close.
func (r *Relay) Replace(side Side, end End) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("replace a side of a relay: %w", ErrClosed)
	}
	side &= 1
	old := r.players[side]
	if old != nil {
		p, err := newPlayer(end, old.sound)
		if err != nil {
			return fmt.Errorf("replace a side of a relay: %w", err)
		}
		old.stop()
		r.players[side] = p
	}
	r.links[side].to.SetSink(nil)
	// Both ways begin anew: the old End's reader may still be in the old links.
	r.links = [2]*link{r.links[Browser].successor(), r.links[Upstream].successor()}
	r.links[side].to = end
	r.connectLocked()
	if old != nil {
		r.players[side].start()
	}
	return nil
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
	if CanTranscode(ours[0], theirs[0]) {
		return nil
	}
	return noTranscoder(ours[0], theirs[0])
}

// Dropped is the number of packets towards a side that were left out because it doesn't have their codec; Failed is the
// number of those that its socket refused.
func (r *Relay) Dropped(to Side) uint64 { return r.link(to).dropped.Load() }

// Failed is described with Dropped.
func (r *Relay) Failed(to Side) uint64 { return r.link(to).failed.Load() }

func (r *Relay) link(to Side) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.links[to&1]
}

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
