package eventlog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
)

// BenchmarkAppendDeliver publishes events of a call of three and waits until a subscriber has them: through the log in files,
// and through one in memory, which is the feed without a log. The first over the second is the log's price.
func BenchmarkAppendDeliver(b *testing.B) {
	logs := []struct {
		name string
		make func(b *testing.B) cti.Log
	}{
		{"memory", func(*testing.B) cti.Log { return nil }},
		{"files", func(b *testing.B) cti.Log {
			b.Helper()
			o := options(b.TempDir())
			o.Sync = 2 * time.Second
			l, _ := open(b, o)
			return l
		}},
	}
	for _, ahead := range []int{1, 100} {
		for _, log := range logs {
			b.Run(fmt.Sprintf("ahead=%d/log=%s", ahead, log.name), func(b *testing.B) { appendDeliver(b, log.make(b), ahead) })
		}
	}
}

// appendDeliver has at most so many events under way: one, to see how long an event takes, more, to see how many there can be.
func appendDeliver(b *testing.B, log cti.Log, ahead int) {
	b.Helper()
	f := cti.NewFeed(cti.FeedOptions{Node: "n1", Log: log})
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = f.Run(ctx) })
	defer work.Wait()
	defer cancel()
	require.NoError(b, f.Wait(ctx))
	s, err := f.Subscribe(cti.SubscribeOptions{})
	require.NoError(b, err)
	e, published, got := callOfThree(), 0, 0
	next := func() {
		batch, errNext := s.Next(ctx)
		require.NoError(b, errNext)
		got += len(batch)
	}
	b.ReportAllocs()
	for b.Loop() {
		published++
		e.N, e.ID = published, fmt.Sprintf("n1-bench-%d", published)
		f.PublishCall(e)
		for published-got >= ahead {
			next()
		}
	}
	for got < published {
		next()
	}
	b.ReportMetric(float64(published)/b.Elapsed().Seconds(), "events/s")
}

// callOfThree is an event as a transfer has it.
func callOfThree() bridge.Event {
	party := func(id bridge.PartyID, dn string, role bridge.Role) bridge.PartyView {
		return bridge.PartyView{
			ID: id, DN: bridge.DN(dn), Number: dn, Role: role, State: bridge.PartyEstablished,
			Capabilities: []bridge.Capability{bridge.CanRelease, bridge.CanClear, bridge.CanHold, bridge.CanSingleStepTransfer},
		}
	}
	parties := []bridge.PartyView{party(1, "", bridge.RoleOrigination), party(2, "5001", bridge.RoleDestination), party(3, "5002", bridge.RoleDestination)}
	return bridge.Event{
		Kind: bridge.EventHeld, This: parties[1], Other: parties[0], Audience: []bridge.DN{"5001"}, Time: time.Now(),
		Call: bridge.CallView{
			ID: "00T2B0FGGOB3D0A3GBC80H5AES000001", ConnID: 0x0171034d8b2c4001, Interaction: "n1-v4rn4p7j4veoqgyu", Type: bridge.CallInbound,
			Controller: bridge.ControlAsterisk, State: bridge.PartyEstablished, ANI: "+49301234567", DNIS: "8000", Parties: parties, StartedAt: time.Now(),
		},
	}
}
