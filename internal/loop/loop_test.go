package loop_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/internal/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunsInOrder(t *testing.T) {
	t.Parallel()
	l := loop.New(4)
	var got []int
	for i := range 100 {
		require.True(t, l.Post(func() { got = append(got, i) }))
	}
	require.NoError(t, l.Do(t.Context(), func() {}))
	require.Len(t, got, 100)
	require.IsIncreasing(t, got)
	l.Stop()
	<-l.Done()
}

func TestStopFromInsideDropsTheRest(t *testing.T) {
	t.Parallel()
	l := loop.New(4)
	ran := false
	hold := make(chan struct{})
	l.Post(func() { <-hold; l.Stop() })
	l.Post(func() { ran = true })
	close(hold)
	<-l.Done()
	require.False(t, ran)
	require.False(t, l.Post(func() {}))
	require.ErrorIs(t, l.Do(t.Context(), func() {}), loop.ErrClosed)
}

func TestDoObeysItsContext(t *testing.T) {
	t.Parallel()
	l := loop.New(4)
	hold := make(chan struct{})
	l.Post(func() { <-hold })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.Do(ctx, func() {}), context.Canceled)
	close(hold)
	l.Stop()
	<-l.Done()
}

func TestAnIdleLoopHasNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := loop.New(4)
		require.NoError(t, l.Do(t.Context(), func() {}))
		// The bubble ends here: it would report a goroutine that waits for work.
		require.True(t, l.Post(func() {}))
	})
}

func TestPostWaitsWhileTheLoopIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := loop.New(1)
		hold := make(chan struct{})
		l.Post(func() { <-hold })
		synctest.Wait()
		l.Post(func() {})
		var posted atomic.Bool
		go func() { posted.Store(l.Post(func() {})) }() // joined by synctest
		synctest.Wait()
		require.False(t, posted.Load())
		close(hold)
		synctest.Wait()
		require.True(t, posted.Load())
	})
}
