package cti_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
)

func BenchmarkEncode(b *testing.B) {
	e := inboundCases()[1].event
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = cti.Encode(e)
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out := cti.Encode(e)
			if _, err := json.Marshal(&out); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFanOut publishes events that all subscribers see and waits until they have them.
func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(subscribers), func(b *testing.B) {
			e := inboundCases()[1].event
			fanOut(b, subscribers, e, nil)
		})
	}
}

// BenchmarkAudience has a thousand agents of whom each event concerns one.
func BenchmarkAudience(b *testing.B) {
	e := inboundCases()[1].event
	fanOut(b, 1000, e, func(i int) cti.Filter {
		dn := bridge.DN(fmt.Sprint(5001 + i))
		return func(e *cti.Event) bool { return e.Topic == cti.TopicAgent && e.Audience[0] == dn }
	})
}

// fanOut keeps at most 1000 events under way, so that nobody is cut off.
func fanOut(b *testing.B, subscribers int, e bridge.Event, filter func(i int) cti.Filter) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	f := cti.NewFeed(cti.FeedOptions{})
	work.Go(func() { _ = f.Run(ctx) })
	var got atomic.Int64
	tick := make(chan struct{}, 1)
	for i := range subscribers {
		o := cti.SubscribeOptions{Buffer: 1 << 30}
		if filter != nil {
			o.Filter = filter(i)
		}
		s, err := f.Subscribe(o)
		require.NoError(b, err)
		work.Go(func() {
			for {
				batch, err := s.Next(ctx)
				if err != nil {
					return
				}
				got.Add(int64(len(batch)))
				select {
				case tick <- struct{}{}:
				default:
				}
			}
		})
	}
	each := int64(subscribers)
	if filter != nil {
		each = 1
	}
	want := int64(0)
	wait := func(atMost int64) {
		for want-got.Load() > atMost {
			<-tick
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		e.ID = fmt.Sprint(want)
		f.PublishCall(e)
		want += each
		wait(1000 * each)
	}
	wait(0)
	b.ReportMetric(float64(want)/b.Elapsed().Seconds(), "deliveries/s")
	b.StopTimer()
	cancel()
	work.Wait()
}
