package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sidecar/ari"
	"sidecar/cti"
)

// buildMetrics makes the figures that ops alerts on; those of HTTP and of calls come from package api.
func (d *daemon) buildMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge("sidecar_info", "1, with the version as label.", prometheus.Labels{"version": version}, func() float64 { return 1 })
	for _, client := range d.clients {
		gauge("sidecar_asterisk_connected", "Whether the event socket of an Asterisk is up.",
			prometheus.Labels{"server": string(client.Server())}, func() float64 { return one(client.Status().State == ari.StateConnected) })
	}
	gauge("sidecar_dns_in_service", "DNs with a registered phone.", nil, func() float64 {
		n := 0.0
		for _, dn := range d.dns.All() {
			n += one(dn.InService)
		}
		return n
	})
	gauge("sidecar_feed_sessions", "CometD sessions of desktops.", nil, func() float64 { return float64(d.desktops.count()) })
	d.recordingMetrics(gauge)
	d.gatewayMetrics(r, gauge)
	r.MustRegister(newQueueMetrics(d.queues.All))
	r.MustRegister(newWebhookMetrics(d.webhooks))
	gauge("sidecar_event_streams", "Clients of /api/v1/events.", nil, func() float64 { return float64(d.events.Streams()) })
	stat := func(name, help string, value func(cti.Stats) uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			return float64(value(d.feed.Stats()))
		}))
	}
	stat("sidecar_feed_events_total", "Events of calls and DNs.", func(s cti.Stats) uint64 { return s.Appended })
	stat("sidecar_feed_lost_total", "Events given up because the feed could not keep up.", func(s cti.Stats) uint64 { return s.Lost })
	stat("sidecar_feed_gaps_total", "Times that events were found missing in the event log.", func(s cti.Stats) uint64 { return s.Gaps })
	stat("sidecar_feed_stalls_total", "Times that the event log did not answer and the sessions were closed.", func(s cti.Stats) uint64 { return s.Stalls })
	stat("sidecar_feed_replayed_total", "Events read again for sessions that came back.", func(s cti.Stats) uint64 { return s.Replayed })
	gauge("sidecar_feed_stalled", "Whether the event log does not answer.", nil, func() float64 { return one(d.feed.Stats().Stalled) })
	gauge("sidecar_feed_spooled", "Events on the disk that wait for the event log.", nil, func() float64 { return float64(d.feed.Stats().Spooled) })
	stat("sidecar_feed_slow_total", "Subscribers cut off because they did not keep up.", func(s cti.Stats) uint64 { return s.Slow })
	return r
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// gatewayMetrics are there when a DN needs the gateway. None of them has a say in readiness: a full gateway still serves
// those who are in.
func (d *daemon) gatewayMetrics(r *prometheus.Registry, gauge func(name, help string, labels prometheus.Labels, value func() float64)) {
	if d.gateway == nil {
		return
	}
	gauge("sidecar_gateway_calls", "Calls of browsers.", nil, func() float64 { return float64(d.gateway.Calls()) })
	gauge("sidecar_gateway_registered_dns", "DNs of browsers that are registered at Asterisk.", nil, func() float64 { return float64(d.upkeep.count()) })
	gauge("sidecar_gateway_rtp_pairs", "Pairs of RTP ports in use towards upstreams.", nil, func() float64 { return float64(d.ports.InUse()) })
	counter := func(name, help string, value func() uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	counter("sidecar_gateway_media_lost_total", "Times that the media of a browser in a call was gone.", d.legs.MediaLosses)
	if d.turn != nil {
		counter("sidecar_turn_refused_packets_total", "Packets that were to leave the TURN server for elsewhere than our media port.", d.turn.Refused)
	}
}
