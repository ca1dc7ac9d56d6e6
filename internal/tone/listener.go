package tone

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// windowsInARow is how many windows in succession must agree: 300 ms. One
// window can be fooled by the edge of a re-INVITE or by a drum beat.
const windowsInARow = 3

// ErrClosed means that the stream ended before the awaited sound came.
var ErrClosed = errors.New("the audio stream has ended")

// Listener cuts a stream of samples into windows and answers what was heard.
// Its methods may be called from any goroutine.
type Listener struct {
	mu      sync.Mutex
	partial []int16                          // the window being filled
	recent  [windowsInARow][WindowSize]int16 // ring of complete windows
	count   int                              // complete windows so far
	closed  bool                             //
	changed chan struct{}                    // closed and replaced with every window
}

// NewListener returns a listener that has heard nothing.
func NewListener() *Listener {
	return &Listener{partial: make([]int16, 0, WindowSize), changed: make(chan struct{})}
}

// Write takes the next samples of the stream.
func (l *Listener) Write(samples []int16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(samples) > 0 {
		n := min(len(samples), WindowSize-len(l.partial))
		l.partial = append(l.partial, samples[:n]...)
		samples = samples[n:]
		if len(l.partial) == WindowSize {
			l.completeLocked()
		}
	}
}

// Quiet adds one window of silence; a stream without packets is heard as silence.
func (l *Listener) Quiet() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = l.partial[:WindowSize]
	clear(l.partial)
	l.completeLocked()
}

// Close ends the stream: whoever waits gets ErrClosed.
func (l *Listener) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	close(l.changed)
}

// Hears reports whether a tone of freq Hz is there now: in the last 300 ms, without a gap.
func (l *Listener) Hears(freq float64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count < windowsInARow {
		return false
	}
	for i := range l.recent {
		if !Present(l.recent[i][:], freq) {
			return false
		}
	}
	return true
}

// Strongest returns the frequency with the largest share among candidates in
// the last window and that share: what an error message should say was heard.
func (l *Listener) Strongest(candidates ...float64) (freq, share float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		return 0, 0
	}
	last := l.recent[(l.count-1)%windowsInARow][:]
	for _, candidate := range candidates {
		if s := Share(last, candidate); s > share {
			freq, share = candidate, s
		}
	}
	return freq, share
}

// WaitTone blocks until a tone of freq Hz has been heard for 300 ms, counted
// from the call: what was heard earlier does not count.
func (l *Listener) WaitTone(ctx context.Context, freq float64) error {
	return l.wait(ctx, fmt.Sprintf("tone of %g Hz", freq), func(window []int16) bool { return Present(window, freq) })
}

// WaitNoTone blocks until there was no tone of freq Hz for 300 ms, counted from the call.
func (l *Listener) WaitNoTone(ctx context.Context, freq float64) error {
	return l.wait(ctx, fmt.Sprintf("end of the tone of %g Hz", freq), func(window []int16) bool { return !Present(window, freq) })
}

// WaitSilence blocks until there was silence for 300 ms, counted from the call.
func (l *Listener) WaitSilence(ctx context.Context) error {
	return l.wait(ctx, "silence", Silent)
}

// WaitSound blocks until anything but silence was there for 300 ms, counted from the call.
func (l *Listener) WaitSound(ctx context.Context) error {
	return l.wait(ctx, "sound", func(window []int16) bool { return !Silent(window) })
}

func (l *Listener) wait(ctx context.Context, what string, match func([]int16) bool) error {
	l.mu.Lock()
	// The window being filled began before the call, so it does not count.
	next, run := l.count+1, 0
	l.mu.Unlock()
	for {
		l.mu.Lock()
		// A waiter that slept through more windows than the ring holds judges those it can see.
		if oldest := l.count - windowsInARow; next < oldest {
			next, run = oldest, 0
		}
		for ; next < l.count; next++ {
			if match(l.recent[next%windowsInARow][:]) {
				run++
			} else {
				run = 0
			}
		}
		changed, closed := l.changed, l.closed
		l.mu.Unlock()
		switch {
		case run >= windowsInARow:
			return nil
		case closed:
			return fmt.Errorf("wait for %s: %w", what, ErrClosed)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (%s)", what, context.Cause(ctx), l.describe())
		}
	}
}

// describe says what the last window held, for the error of a vain wait.
func (l *Listener) describe() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		return "no audio was received at all"
	}
	last := l.recent[(l.count-1)%windowsInARow][:]
	if Silent(last) {
		return fmt.Sprintf("%d windows heard, the last one silent", l.count)
	}
	freq, share := 0.0, 0.0
	for candidate := 50.0; candidate < SampleRate/2; candidate += 10 {
		if s := Share(last, candidate); s > share {
			freq, share = candidate, s
		}
	}
	return fmt.Sprintf("%d windows heard, the last one %.0f dBFS with %.0f%% at %g Hz", l.count, Level(last), 100*share, freq)
}

// completeLocked moves the full partial window into the ring and wakes the waiters.
func (l *Listener) completeLocked() {
	copy(l.recent[l.count%windowsInARow][:], l.partial)
	l.partial = l.partial[:0]
	l.count++
	if !l.closed {
		close(l.changed)
		l.changed = make(chan struct{})
	}
}
