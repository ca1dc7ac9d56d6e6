package bridge

import (
	"log/slog"
	"runtime"
	"testing"
	"time"
)

// benchPorts are the engine's ports without disk or network; they tell when something has been done.
type benchPorts struct {
	simPlan
	done chan struct{} // an interaction has ended
	told chan EventKind
}

func (b benchPorts) Put(string, Interaction) error            { return nil }
func (b benchPorts) Delete(string) error                      { b.done <- struct{}{}; return nil }
func (b benchPorts) Publish(e Event)                          { b.told <- e.Kind }
func (b benchPorts) Republish(Event)                          {}
func (b benchPorts) WhenKept(done func())                     { done() }
func (b benchPorts) Reserve(DN, InteractionID, Calling) error { return nil }
func (b benchPorts) Occupy(DN, InteractionID)                 {}
func (b benchPorts) Free(DN, InteractionID)                   {}
func (b benchPorts) until(kind EventKind) {
	for told := range b.told {
		if told == kind {
			return
		}
	}
}

func newBench() (*Engine, benchPorts, *sim) {
	s := newSim()
	s.gen, s.latency = 1, 0
	b := benchPorts{done: make(chan struct{}, 1<<16), told: make(chan EventKind, 1<<16)}
	e := New(Options{
		Node: "n1", NodeID: 1, Server: "pbx1", Switch: port{s, 1}, Plan: simPlan{}, Agents: b, Journal: b, Feed: b,
		RingTimeout: time.Minute, EffectTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
	})
	s.phones["5001"] = phone{Ring: time.Microsecond, Answer: 2 * time.Microsecond}
	s.e = e
	e.Recovered(Snapshot{Server: "pbx1"})
	return e, b, s
}

// BenchmarkCallLifecycle is one inbound call from its arrival to its end, through the engine, without disk or network.
func BenchmarkCallLifecycle(b *testing.B) {
	e, ports, s := newBench()
	defer e.Close()
	b.ReportAllocs()
	for b.Loop() {
		id := s.arrive("", "5001")
		ports.until(EventEstablished)
		s.hangup(id)
		<-ports.done
	}
}

// BenchmarkLiveCall reports the memory of a call that talks.
func BenchmarkLiveCall(b *testing.B) {
	const calls = 500
	for b.Loop() {
		e, ports, s := newBench()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range calls {
			s.arrive("", "5001")
			ports.until(EventEstablished)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		used := float64(after.HeapInuse+after.StackInuse) - float64(before.HeapInuse+before.StackInuse)
		b.ReportMetric(used/calls/1024, "KiB/call")
		e.Close()
		if len(s.chans) != 2*calls {
			b.Fatalf("%d channels", len(s.chans))
		}
	}
}
