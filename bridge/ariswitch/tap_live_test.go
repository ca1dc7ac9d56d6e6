//go:build e2e

package ariswitch_test

import (
	"encoding/binary"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/internal/tone"
)

const tapFrame = 640 // octets: 20 ms of 16 kHz and 16 bits

// said reads a stream until a window of 100 ms holds the tone; other must be in none.
func (l *lab) said(s *ariswitch.Stream, hz, other float64) {
	l.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var window []int16
	for found := 0; found < 5; {
		select {
		case frame, open := <-s.Frames():
			require.True(l.t, open, "the stream has ended")
			require.Len(l.t, frame, tapFrame)
			for at := 0; at < tapFrame; at += 4 { // every second sample is 8 kHz, which package tone measures
				window = append(window, int16(binary.LittleEndian.Uint16(frame[at:])))
			}
			if len(window) < tone.WindowSize {
				continue
			}
			require.False(l.t, tone.Present(window, other), "%v Hz is another party", other)
			if tone.Present(window, hz) {
				found++
			}
			window = window[:0]
		case <-timer.C:
			require.FailNow(l.t, "not said", "%v Hz", hz)
		}
	}
}

// ended waits for the end of a stream.
func (l *lab) ended(s *ariswitch.Stream) {
	l.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case _, open := <-s.Frames():
			if !open {
				return
			}
		case <-timer.C:
			require.FailNow(l.t, "the stream goes on")
		}
	}
}

// tapped counts what Asterisk has of taps.
func (l *lab) tapped() (n int) {
	l.t.Helper()
	channels, err := l.client.Channels().List(l.ctx())
	require.NoError(l.t, err)
	for _, ch := range channels {
		if strings.HasPrefix(string(ch.ID), "n1-tap") {
			n++
		}
	}
	bridges, err := l.client.Bridges().List(l.ctx())
	require.NoError(l.t, err)
	for _, b := range bridges {
		if strings.HasPrefix(string(b.ID), "n1-tap") {
			n++
		}
	}
	return n
}

func (l *lab) nothingTapped() {
	l.t.Helper()
	require.Eventually(l.t, func() bool { return l.tapped() == 0 }, patience, 20*time.Millisecond)
}

func TestLiveTap(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer, agent)
	l.hears(c, agentTone)
	taps := ariswitch.NewTaps([]*ari.Client{l.client}, "n1", slog.New(slog.DiscardHandler))
	t.Cleanup(taps.Close)
	tap := func(of string) *ariswitch.Stream {
		s, err := taps.Tap(l.ctx(), id(of))
		require.NoError(t, err)
		return s
	}
	first, second := tap(agent), tap(customer)
	l.said(first, agentTone, customerTone)
	l.said(second, customerTone, agentTone)
	l.hears(c, agentTone) // nobody notices
	l.hears(a, customerTone)
	require.Equal(t, 6, l.tapped())

	first.Close()
	first.Close()
	l.ended(first)
	require.Eventually(t, func() bool { return l.tapped() == 3 }, patience, 20*time.Millisecond)
	l.said(second, customerTone, agentTone)
	require.NoError(t, c.Hangup(t.Context()))
	l.ended(second)
	l.nothingTapped()

	// Who does not read loses the oldest second, and the stream goes on.
	slow := tap(agent)
	require.Eventually(t, func() bool { return slow.Dropped() > 0 }, patience, 20*time.Millisecond)
	l.said(slow, agentTone, customerTone)
	taps.Close()
	l.ended(slow)
	l.nothingTapped()
	late, err := taps.Tap(l.ctx(), id(agent))
	require.NoError(t, err)
	l.ended(late)
	l.nothingTapped()
}

func TestLiveTapErrors(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	taps := ariswitch.NewTaps([]*ari.Client{l.client}, "n1", slog.New(slog.DiscardHandler))
	t.Cleanup(taps.Close)
	_, err := taps.Tap(l.ctx(), id("nobody"))
	require.ErrorIs(t, err, ari.ErrNotFound)
	_, err = taps.Tap(l.ctx(), bridge.ChannelID{Server: "pbx9", ID: "c"})
	require.ErrorIs(t, err, ariswitch.ErrUnknownServer)
	require.Zero(t, l.tapped())

	// The engine hears nothing of the channels of a tap, which would be orphans to it; the end of Asterisk ends the stream.
	l.call(agent)
	s, err := taps.Tap(l.ctx(), id(agent))
	require.NoError(t, err)
	require.Equal(t, 3, l.tapped())
	l.call(customer)
	for len(l.facts.lines) > 0 {
		line := <-l.facts.lines
		require.False(t, strings.Contains(line, "n1-tap") && strings.Contains(line, "created"), line)
	}
	l.Kill()
	l.ended(s)
	s.Close()
}
