package main

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--sessions", "0"}, {"--ahead", "5"}, {"--for", "0s"}, {"--no-such-option"}, {"latency", "--rate", "0"}, {"latency", "--for", "10ms"}, {"latency", "--dns", "1"}} {
		require.ErrorIs(t, run(t.Context(), args, &bytes.Buffer{}, &bytes.Buffer{}), errOption, args)
	}
}

// TestFeed measures a few sessions for a moment: that something was delivered, not how fast.
func TestFeed(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "feed")
	built, failure := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, failure, string(built))
	o := options{sessions: 20, idle: 20, window: 200_000_000, burst: 5, ahead: 20, size: 100}
	for _, transport := range []string{"websocket", "long-polling"} {
		r, err := measure(t.Context(), target{name: "sidecar", transport: transport, command: []string{program, "serve"}}, o)
		require.NoError(t, err, transport)
		require.Positive(t, r.perSecond, transport)
		require.NotEmpty(t, r.memory)
	}
	_, err := measure(t.Context(), target{transport: "carrier-pigeon", command: []string{program, "serve"}}, o)
	require.ErrorIs(t, err, errRefused)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = measure(ctx, target{transport: "websocket", command: []string{program, "serve"}}, o)
	require.Error(t, err)
}

func TestNeedleIsOncePerEvent(t *testing.T) {
	t.Parallel()
	frame := `[{"channel":"/bench/events","data":{"text":"/bench/events"}},{"channel":"/meta/subscribe","subscription":"/bench/events"}]`
	require.Equal(t, 1, bytes.Count([]byte(frame), needle))
	require.Equal(t, 3, strings.Count(frame, channel))
}
