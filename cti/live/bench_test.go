package live_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"sidecar/bridge"
	"sidecar/cti/live"
)

// nowhere takes everything.
type nowhere struct{}

func (nowhere) Watch(ctx context.Context, take func([]live.Entry)) error {
	take(nil)
	<-ctx.Done()
	return ctx.Err()
}

func (nowhere) Put(context.Context, []live.Entry) error { return nil }

// BenchmarkPublishCall is what an actor pays for others to be told, with 2000 calls, from several actors at once.
func BenchmarkPublishCall(b *testing.B) {
	n := &node{calls: map[bridge.CallID]bridge.CallView{}}
	n.live = live.New(live.Options{Node: "a", Local: n, Store: nowhere{}, Feed: n})
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	work.Go(func() { n.live.Run(ctx) })
	defer work.Wait()
	defer cancel()
	events := make([]bridge.Event, 2000)
	for i := range events {
		party := bridge.PartyView{DN: "5001", Number: "5001", State: bridge.PartyEstablished, Capabilities: []bridge.Capability{"hold", "release", "transfer"}}
		events[i].Call = bridge.CallView{ID: bridge.CallID(fmt.Sprint("call", i)), State: bridge.PartyEstablished, Parties: []bridge.PartyView{party, party}}
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			n.live.PublishCall(events[i%len(events)])
		}
	})
}
