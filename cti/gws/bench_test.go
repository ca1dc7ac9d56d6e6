package gws_test

import (
	"fmt"
	"testing"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/cti/gws"
)

// BenchmarkPublishToClient is an event's way from the call engine to a held connect and out over loopback, while a
// hundred other agents are listening.
func BenchmarkPublishToClient(b *testing.B) {
	r := newRig(b, cti.FeedOptions{}, gws.Options{}).run()
	url := r.serve()
	for i := range 100 {
		dn := fmt.Sprint(6000 + i)
		r.people.set(dn, gws.Principal{ID: dn, OwnDNs: []string{dn}})
		newDesktop(b, url, dn).start(nil, both...)
	}
	d := newDesktop(b, url, "agent1").start(nil, gws.ChannelAgentEvents)
	d.receive(1)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		r.happen(n, "5001", bridge.EventHeld, bridge.PartyHeld)
		d.receive(1)
	}
}
