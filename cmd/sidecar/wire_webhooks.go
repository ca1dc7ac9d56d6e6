package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"sidecar/bridge"
	"sidecar/config"
	"sidecar/cti"
	"sidecar/cti/follow"
	"sidecar/webhook"
)

// followPort lets webhooks follow what this sidecar puts into the feed, so that those that share one tell nothing twice. They
// see all of that: the settings are the admin's.
type followPort struct {
	feed     *cti.Feed
	snapshot cti.Snapshotter
	node     string
}

func (p followPort) Follow(want follow.Want, since cti.Cursor) (webhook.Follower, error) {
	want.Node = p.node
	everything := func(bridge.DN) bool { return true }
	return follow.New(follow.Options{
		Feed: p.feed, Snapshot: p.snapshot, Since: since, Sees: everything,
		Wants: func(e *cti.Event) bool { return want.Match(e, everything) },
	})
}

func (d *daemon) buildWebhooks() error {
	targets, err := webhookTargets(d.cfg)
	if err != nil {
		return err
	}
	d.webhooks, err = webhook.New(webhook.Options{
		Targets: targets, Node: d.cfg.Node, Feed: followPort{d.feed, d.live.Own(), d.cfg.Node}, Store: d.db, Log: d.log,
	})
	return err
}

func webhookTargets(cfg *config.Config) ([]webhook.Target, error) {
	var list []webhook.Target
	for _, name := range slices.Sorted(maps.Keys(cfg.Webhooks)) {
		w := cfg.Webhooks[name]
		t := webhook.Target{
			Name: name, URL: w.URL, Secret: w.Secret.Reveal(), GiveUp: w.GiveUpAfter, Want: follow.Want{Types: w.Events},
		}
		for _, text := range w.DNs {
			numbers, rule := config.ExpandNumbers(text)
			if rule != "" {
				return nil, fmt.Errorf("webhooks.%s.dns: %q: %s", name, text, rule) //nolint:err113 // validated: it can't happen
			}
			t.Want.DNs = append(t.Want.DNs, numbers...)
		}
		switch w.Topic {
		case "agent":
			t.Want.Topics = []cti.Topic{cti.TopicAgent}
		case "call":
			t.Want.Topics = []cti.Topic{cti.TopicCall}
		}
		list = append(list, t)
	}
	return list, nil
}

// webhookMetrics shows each webhook's figures.
type webhookMetrics struct {
	hooks *webhook.Hooks

	delivered, failed, dead, failing *prometheus.Desc
}

func newWebhookMetrics(hooks *webhook.Hooks) *webhookMetrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sidecar_webhook_"+name, help, []string{"webhook"}, nil)
	}
	return &webhookMetrics{
		hooks:     hooks,
		delivered: desc("events_total", "Events that the webhook has taken."),
		failed:    desc("failed_total", "Attempts to deliver that failed."),
		dead:      desc("dead_letters_total", "Messages that were given up."),
		failing:   desc("failing", "Whether the last attempt failed."),
	}
}

// Describe implements prometheus.Collector.
func (m *webhookMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.delivered, m.failed, m.dead, m.failing} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *webhookMetrics) Collect(out chan<- prometheus.Metric) {
	for _, s := range m.hooks.Figures() {
		out <- prometheus.MustNewConstMetric(m.delivered, prometheus.CounterValue, float64(s.Delivered), s.Name)
		out <- prometheus.MustNewConstMetric(m.failed, prometheus.CounterValue, float64(s.Failed), s.Name)
		out <- prometheus.MustNewConstMetric(m.dead, prometheus.CounterValue, float64(s.DeadLetters), s.Name)
		out <- prometheus.MustNewConstMetric(m.failing, prometheus.GaugeValue, one(!s.FailingSince.IsZero()), s.Name)
	}
}
