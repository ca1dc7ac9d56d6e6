package media

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The order of digits is a matter of times, and tested inside the package because there they are given.

func TestADigitWaitsForTheOneThatPasses(t *testing.T) {
	t.Parallel()
	s, ours := &stream{}, new(string)
	s.turns.queue = append(s.turns.queue, ours)
	now, one := time.Now(), event{source: 1, timestamp: 1000}
	payload := make([]byte, eventOctets)
	for range 50 {
		require.True(t, s.turns.admit(one, payload, now))
		now = now.Add(eventQuiet - time.Millisecond)
		require.False(t, s.myTurn(ours, now), "it is still held down")
	}
	require.True(t, s.myTurn(ours, now.Add(time.Millisecond)))
}

// What passes through stands still while the machine does, and goes on when ours are out: the other side would hear it twice.
func TestADigitThatStoodStillIsNotHeardAgain(t *testing.T) {
	t.Parallel()
	s, ours := &stream{}, new(string)
	s.turns.queue = append(s.turns.queue, ours)
	now, one := time.Now(), event{source: 1, timestamp: 1000}
	payload := make([]byte, eventOctets)
	require.True(t, s.turns.admit(one, payload, now))
	now = now.Add(eventQuiet)
	require.True(t, s.myTurn(ours, now))
	require.False(t, s.turns.admit(one, payload, now), "ours go out")
	s.leaveTurn(ours)
	require.False(t, s.turns.admit(one, payload, now), "its rest")
	require.True(t, s.turns.admit(event{source: 1, timestamp: 9000}, payload, now), "the next one")
}
