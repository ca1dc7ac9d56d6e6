package gws_test

import (
	"context"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// silentLog takes nothing while it is silent.
type silentLog struct {
	*cti.MemoryLog

	silent atomic.Bool
}

func (l *silentLog) Append(ctx context.Context, records []cti.Record) (uint64, error) {
	if l.silent.Load() {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	return l.MemoryLog.Append(ctx, records)
}

// The feed has cut a session off because it was too slow, and before that session is back, the log stalls: the feed takes nobody then.
// A session that lives on without its events would never learn of a call again.
func TestSessionCutOffJustBeforeAStallIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &silentLog{MemoryLog: cti.NewMemoryLog(1000)}
		r := newRig(t, cti.FeedOptions{Log: l, StallAfter: gws.HoldAtMost / 5}, gws.Options{Buffer: 3})
		require.NoError(t, r.feed.Open(t.Context()))
		r.run()
		d := newDesktop(t, "http://sidecar.test/cometd", "agent1")
		d.http.Transport = direct{r.guide}
		d.start(nil, gws.ChannelAgentEvents)
		_, seen := d.receive(1)

		r.guide.Answering(httptest.NewRecorder(), "agent1", func() { // holds the session's events up
			r.happen(1, "5001", bridge.EventEstablished, bridge.PartyEstablished)
			synctest.Wait()
			for n := 2; n <= 9; n++ {
				r.happen(n, "5001", bridge.EventHeld, bridge.PartyHeld)
			}
			synctest.Wait()
			require.Equal(t, uint64(1), r.feed.Stats().Slow)
			l.silent.Store(true)
			r.happen(10, "5001", bridge.EventReleased, bridge.PartyReleased)
			time.Sleep(gws.HoldAtMost / 2)
			require.True(t, r.feed.Stats().Stalled)
		})
		synctest.Wait()
		require.Zero(t, r.guide.Count(), "it is sent away, as all others were")

		l.silent.Store(false)
		require.NoError(t, r.feed.Wait(t.Context()))
		d.inbox = nil
		d.start(cursorExt(seen[0].Cursor.String()), gws.ChannelAgentEvents)
		got, _ := d.receive(10)
		require.Equal(t, "5001: Released(1) CallType=Inbound OtherDN=100", got[9])
	})
}
