package meter

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A frame is 20 ms; the legs send in 20 groups, a millisecond apart, so that neither we nor the target see bursts that
// independent browsers would not make.
const (
	groups = 20
	beat   = time.Millisecond
	// patience is how many beats may be made up for at once. More would be a burst that nobody speaks.
	patience = 2 * groups
)

// Pacer calls each of its senders every 20 ms.
type Pacer struct {
	Skipped atomic.Uint64 // beats that were left out because the machine was busy

	mu      sync.Mutex
	added   int
	senders [groups][]func()
}

// Add takes one more sender. It must not block.
func (p *Pacer) Add(send func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	group := p.added % groups
	p.added++
	p.senders[group] = append(p.senders[group], send)
}

// Run sends until ctx ends.
func (p *Pacer) Run(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	begin, done := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		due := int(time.Since(begin) / beat)
		if late := due - done - patience; late > 0 {
			p.Skipped.Add(uint64(late))
			done += late
		}
		for ; done < due; done++ {
			p.send(done % groups)
		}
	}
}

func (p *Pacer) send(group int) {
	p.mu.Lock()
	senders := p.senders[group]
	p.mu.Unlock()
	for _, send := range senders {
		send()
	}
}
