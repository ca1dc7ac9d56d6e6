package media

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"
)

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
