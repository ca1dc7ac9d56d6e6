package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDigitOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, body, digit string
		length            time.Duration
		ok                bool
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=120\r\n", "5", 120 * time.Millisecond, true},
		{"Application/DTMF-Relay; x=y", "Signal= #\nDuration=bad", "#", defaultDigit, true},
		{"application/dtmf-relay", "Duration=1\r\nSignal=d", "D", shortestDigit, true},
		{"application/dtmf-relay", "Signal=1\r\nDuration=60000", "1", longestDigit, true},
		{"application/dtmf", " 9\r\n", "9", defaultDigit, true},
		{"application/dtmf-relay", "Signal=55", "55", defaultDigit, false},
		{"application/dtmf-relay", "Signal=é", "É", defaultDigit, false},
		{"application/dtmf-relay", "", "", defaultDigit, false},
		{"text/plain", "5", "", defaultDigit, false},
	} {
		digit, length, ok := digitOf(c.kind, []byte(c.body))
		require.Equal(t, c.ok, ok, c)
		require.Equal(t, c.digit, digit)
		require.Equal(t, c.length, length)
	}
}

func FuzzDigitOf(f *testing.F) {
	f.Add("application/dtmf-relay", []byte("Signal=5\r\nDuration=120\r\n"))
	f.Add("application/dtmf", []byte("#"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		digit, length, ok := digitOf(kind, body)
		require.GreaterOrEqual(t, length, shortestDigit)
		require.LessOrEqual(t, length, longestDigit)
		require.True(t, !ok || len(digit) == 1)
	})
}
