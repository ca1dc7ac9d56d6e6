package eventlog_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
	"sidecar/cti/live"
)

// A stream that is being made looks like an ill one for a moment. Nothing is opened again for that: who follows would lose its place.
func TestAStreamInTheMakingIsNotMended(t *testing.T) {
	t.Parallel()
	o := options(filepath.Join(t.TempDir(), "log"))
	var reopened atomic.Bool
	o.Logger = slog.New(heard{slog.DiscardHandler, func(r slog.Record) {
		if r.Message == "event_log_reopened" {
			reopened.Store(true)
		}
	}})
	l, _ := open(t, o)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- l.Follow(ctx, 0, func([]cti.Stored) {}) }()

	made := filepath.Join(o.Dir, "jetstream", "$G", "streams", "NEW")
	require.NoError(t, os.MkdirAll(made, 0o700))
	require.Error(t, l.Check(t.Context()), "it looks ill")
	require.Error(t, l.LiveState().Put(t.Context(), []live.Entry{{Node: "n1", Kind: live.KindLease, Value: []byte("1"), Life: time.Minute}}), "there is no bucket yet")
	require.False(t, reopened.Load())

	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	var err error
	require.Eventually(t, func() bool {
		if _, failed := l.LastOf(given, "n1"); failed == nil {
			return false
		}
		select {
		case err = <-ended:
			return true
		default:
			return false
		}
	}, patience, 50*time.Millisecond)
	require.ErrorContains(t, err, "opened again", "who follows is told at once")
	require.True(t, reopened.Load(), "it has been ill for long")
	require.NoError(t, os.RemoveAll(made))
	require.NoError(t, l.Check(t.Context()))
	_, err = l.Append(t.Context(), records("n1", 2, 2))
	require.NoError(t, err)
	require.NotEmpty(t, followed(t, l, 0, 1))
}

// heard passes on what is logged.
type heard struct {
	slog.Handler
	hear func(slog.Record)
}

func (heard) Enabled(context.Context, slog.Level) bool { return true }

func (h heard) Handle(_ context.Context, r slog.Record) error {
	h.hear(r)
	return nil
}
