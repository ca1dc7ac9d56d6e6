package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/config"
	"sidecar/internal/numbering"
	"sidecar/queue"
	"sidecar/store"
)

// queues are the route points, and what they keep.
type queues struct {
	*queue.Router

	keep *store.Journal[queue.Record]
	stop context.CancelFunc // nil while they don't run
	wg   sync.WaitGroup
}

// buildQueues makes the queues, which know neither engine nor agents before those are there.
func (d *daemon) buildQueues(plan *numbering.Plan) error {
	settings, err := queueSettings(d.cfg)
	if err != nil {
		return err
	}
	keep, err := store.OpenJournal[queue.Record](filepath.Join(d.cfg.DataDir, "queues.journal"), d.log)
	if err != nil {
		return err
	}
	skills := map[string]queue.Levels{}
	for who, levels := range d.cfg.Skills {
		skills[who] = queue.Levels(levels)
	}
	router, err := queue.New(queue.Options{
		Queues: settings, Skills: skills, Agents: queueAgents{d}, Keep: keep, Log: d.log,
		Timeout: d.cfg.Asterisk[0].RequestTimeout + d.cfg.Calls.RingTimeout, // what a click-to-dial may take
		Dialable: func(class, number string) bool {
			_, refused := plan.Dial(class, "", number)
			return refused == nil
		},
	})
	if err != nil {
		return errors.Join(err, keep.Close())
	}
	d.queues = &queues{Router: router, keep: keep}
	return nil
}

// run decides about waiting calls until close.
func (q *queues) run(ctx context.Context) {
	ctx, q.stop = context.WithCancel(ctx)
	q.wg.Go(func() { q.Run(ctx) })
}

// close leaves the calls waiting: the engine tells of them again.
func (q *queues) close() error {
	if q.stop != nil {
		q.stop()
		q.wg.Wait()
	}
	return q.keep.Close()
}

// PublishDN implements agent.Sink.
func (q *queues) PublishDN(agent.Event) { q.AgentsChanged() }

// queueFeed lets the queues see what becomes of callbacks, after everybody else.
type queueFeed struct {
	bridge.Feed

	queues *queue.Router
}

// Publish implements bridge.Feed.
func (f queueFeed) Publish(e bridge.Event) {
	f.Feed.Publish(e)
	f.queues.Publish(e)
}

// Republish implements bridge.Feed.
func (f queueFeed) Republish(e bridge.Event) {
	f.Feed.Republish(e)
	f.queues.Publish(e)
}

// queueAgents lets the queues ask the registry, which is made after them.
type queueAgents struct{ d *daemon }

func (p queueAgents) LoggedIn() []queue.Agent {
	var list []queue.Agent
	for _, v := range p.d.dns.LoggedIn() {
		list = append(list, queue.Agent{
			DN: bridge.DN(v.Number), ID: v.Agent.AgentID, Since: v.ReadySince,
			Ready: v.Agent.State == agent.Ready && v.InService && v.Calls == 0 && !v.DND && v.Forward == "",
		})
	}
	return list
}

// RangOut takes an agent to the state of the policy who let a call ring. As a rule the engine's events have done so
// already, and nobody ready is there any more.
func (p queueAgents) RangOut(dn bridge.DN) {
	const id = "rang-out"
	if p.d.dns.ReserveReady(string(dn), id) == nil {
		p.d.dns.Unanswered(string(dn), id)
	}
}

// queueSettings says in the words of package queue what is configured.
func queueSettings(cfg *config.Config) ([]queue.Settings, error) {
	list := make([]queue.Settings, 0, len(cfg.Queues))
	for name, q := range cfg.Queues { //nolint:gocritic // copied once
		s := queue.Settings{
			Name: name, Number: q.Number, External: q.Routing == config.RoutingExternal,
			Within: q.External.Within, Default: exitOf(cfg, q.External.Default),
			Agents: queueMembers(q.Agents), Skills: queue.Levels(q.Skills), RelaxAfter: q.RelaxAfter,
			Base: q.Priority.Base, ByNumber: q.Priority.Numbers, RaiseEvery: q.Priority.RaiseEvery,
			RingTimeout: q.RingTimeout, Announce: announceOf(q.Announce), Closed: exitOf(cfg, q.Closed),
			Overflow: queue.Overflow{
				After: q.Overflow.After, Waiting: q.Overflow.Waiting, NoAgents: q.Overflow.NoAgents, To: exitOf(cfg, q.Overflow.To).To,
			},
			Callback: queue.CallbackOffer{
				After: q.Callback.After, Prompt: q.Callback.Prompt, Accepted: q.Callback.Accepted,
				Attempts: q.Callback.Attempts, Pause: q.Callback.Pause, Lifetime: q.Callback.Lifetime,
			},
			ServiceLevel: q.ServiceLevel, Class: q.Class,
		}
		if q.Schedule != "" {
			hours, err := cfg.Schedules[q.Schedule].Hours()
			if err != nil {
				return nil, fmt.Errorf("schedules.%s: %w", q.Schedule, err)
			}
			s.Open = hours.Open
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b queue.Settings) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// exitOf gives a target as what is dialled or played for it.
func exitOf(cfg *config.Config, t config.Target) queue.Exit {
	switch t.Kind {
	case config.TargetDN, config.TargetNumber:
		return queue.Exit{To: t.Value}
	case config.TargetQueue:
		return queue.Exit{To: cfg.Queues[t.Value].Number}
	case config.TargetMessage:
		return queue.Exit{Message: t.Value}
	case config.TargetNone, config.TargetHangup, config.TargetVoicemail: // the last is refused for queues
	}
	return queue.Exit{}
}

// queueMembers lists DNs one by one, and agents by their ids.
func queueMembers(list []string) map[string]bool {
	members := map[string]bool{}
	for _, member := range list {
		numbers, rule := config.ExpandNumbers(member)
		if rule != "" {
			numbers = []string{member}
		}
		for _, number := range numbers {
			members[number] = true
		}
	}
	return members
}

func announceOf(a config.QueueAnnounce) queue.Announce {
	return queue.Announce{
		Every: a.Every, Position: a.Position, WaitTime: a.WaitTime, Next: a.Sounds.Next, ThereAre: a.Sounds.ThereAre,
		CallsWaiting: a.Sounds.CallsWaiting, HoldTime: a.Sounds.HoldTime, Minutes: a.Sounds.Minutes, Thanks: a.Sounds.Thanks,
	}
}

// queueMetrics are the figures of the queues, by queue.
type queueMetrics struct {
	all     func() []queue.View
	gauges  []queueGauge
	calls   *prometheus.Desc
	inTime  *prometheus.Desc
	seconds *prometheus.Desc
}

type queueGauge struct {
	desc  *prometheus.Desc
	value func(v *queue.View) float64
}

func newQueueMetrics(all func() []queue.View) *queueMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sidecar_queue_"+name, help, append([]string{"queue"}, labels...), nil)
	}
	return &queueMetrics{
		all: all,
		gauges: []queueGauge{
			{desc("waiting", "Calls that wait."), func(v *queue.View) float64 { return float64(v.Waiting) }},
			{desc("longest_wait_seconds", "How long one of them has waited."), func(v *queue.View) float64 { return v.Longest.Seconds() }},
			{desc("callbacks_waiting", "Callers who wait to be called back."), func(v *queue.View) float64 { return float64(v.Callbacks) }},
			{desc("agents_logged_in", "Agents who serve the queue."), func(v *queue.View) float64 { return float64(v.LoggedIn) }},
			{desc("agents_ready", "Agents who would take a call now."), func(v *queue.View) float64 { return float64(v.Ready) }},
			{desc("open", "Whether new calls may wait."), func(v *queue.View) float64 { return one(v.Open) }},
		},
		calls:   desc("calls_total", "Calls by what became of them; entered counts all.", "outcome"),
		inTime:  desc("answered_in_time_total", "Calls answered within the service level."),
		seconds: desc("answered_wait_seconds_total", "What the answered calls have waited together."),
	}
}

// Describe implements prometheus.Collector.
func (m *queueMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range m.gauges {
		out <- g.desc
	}
	out <- m.calls
	out <- m.inTime
	out <- m.seconds
}

// Collect implements prometheus.Collector.
func (m *queueMetrics) Collect(out chan<- prometheus.Metric) {
	for _, v := range m.all() {
		for _, g := range m.gauges {
			out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(&v), v.Name)
		}
		f := v.Total
		for _, c := range []struct {
			outcome string
			n       int
		}{
			{"entered", f.Entered},
			{"answered", f.Answered},
			{"abandoned", f.Abandoned},
			{"overflowed", f.Overflowed},
			{"routed", f.Routed},
			{"closed", f.Closed},
			{"callback", f.Callbacks},
			{"called_back", f.CalledBack},
			{"ended", f.Ended},
		} {
			out <- prometheus.MustNewConstMetric(m.calls, prometheus.CounterValue, float64(c.n), v.Name, c.outcome)
		}
		out <- prometheus.MustNewConstMetric(m.inTime, prometheus.CounterValue, float64(f.InTime), v.Name)
		out <- prometheus.MustNewConstMetric(m.seconds, prometheus.CounterValue, f.Waited.Seconds(), v.Name)
	}
}
