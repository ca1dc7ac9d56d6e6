package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/internal/numbering"
	"sidecar/queue"
)

const queueSite = `
dns: [{numbers: [5001-5004], owner: phone}]
trunks: [{name: carrier, host: "192.0.2.1:5060"}]
schedules: {never: {timezone: UTC, weekly: ["mon-sun 00:00-24:00"], holidays: ["2026-11-21"]}}
queues:
  sales:
    number: "6000"
    agents: ["5001-5002", jane]
    skills: {sales: 2}
    schedule: never
    closed: message:closed
    overflow: {after: 1m, to: "queue:late"}
    callback: {after: 2m, prompt: press1}
  late:
    number: "6001"
    routing: external
    external: {within: 5s, default: "number:+4930123"}
skills: {5003: {sales: 9}}
dial_rules: {classes: {default: {allow: ["+49"]}}}
`

func queueDaemon(t *testing.T) (*daemon, *numbering.Plan) {
	t.Helper()
	o := &options{environ: environ(), configFile: writeConfig(t, queueSite)}
	cfg, _, err := o.load()
	require.NoError(t, err)
	cfg.DataDir = t.TempDir()
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	plan, err := numbering.New(cfg, dns)
	require.NoError(t, err)
	d := &daemon{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, d.buildQueues(plan))
	t.Cleanup(func() { require.NoError(t, d.queues.close()) })
	return d, plan
}

func TestQueueSettings(t *testing.T) {
	t.Parallel()
	d, plan := queueDaemon(t)
	list, err := queueSettings(d.cfg)
	require.NoError(t, err)
	require.Len(t, list, 2)
	late, sales := list[0], list[1]
	require.Equal(t, map[string]bool{"5001": true, "5002": true, "jane": true}, sales.Agents)
	require.Equal(t, queue.Exit{Message: "closed"}, sales.Closed)
	require.Equal(t, queue.Overflow{After: time.Minute, To: "6001"}, sales.Overflow)
	require.Equal(t, "press1", sales.Callback.Prompt)
	require.Equal(t, 3, sales.Callback.Attempts)
	require.Equal(t, "queue-youarenext", sales.Announce.Next)
	require.False(t, sales.Open(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)))
	require.True(t, sales.Open(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)))
	require.True(t, late.External)
	require.Equal(t, 5*time.Second, late.Within)
	require.Equal(t, queue.Exit{To: "+4930123"}, late.Default)
	require.Nil(t, late.Open)

	dest, err := planPort{plan: plan, calls: d.cfg.Calls, queues: d.cfg.Queues}.Dial("5001", "", "6000")
	require.NoError(t, err)
	require.Equal(t, "sales", dest.Queue)
	require.Equal(t, "6000", dest.Number)
	require.Equal(t, "default", dest.Music)
	require.Zero(t, dest.Endpoint)
	require.Zero(t, dest.Treatment)
}

type noEvents struct{}

func (noEvents) PublishDN(agent.Event) {}

func TestQueuesSeeTheAgentsOfTheRegistry(t *testing.T) {
	t.Parallel()
	d, _ := queueDaemon(t)
	d.dns = agent.NewRegistry("n1", agent.Fanout{noEvents{}, d.queues})
	d.dns.SetPolicy(agent.Policy{NoAnswer: agent.NotReady})
	do := func(dn string, verbs ...agent.Verb) {
		for _, verb := range verbs {
			_, err := d.dns.Do(agent.Command{DN: dn, Verb: verb, AgentID: "agent" + dn, To: "5004"})
			require.NoError(t, err)
		}
	}
	for _, dn := range []string{"5001", "5002", "5003", "5004"} {
		d.dns.Add(dn, 2)
		d.dns.SetService("pbx1", dn, true)
	}
	seen := func() map[bridge.DN]bool {
		list := map[bridge.DN]bool{}
		for _, a := range (queueAgents{d}).LoggedIn() {
			list[a.DN] = a.Ready
			require.Equal(t, "agent"+string(a.DN), a.ID)
			require.True(t, !a.Ready || !a.Since.IsZero())
		}
		return list
	}
	require.Empty(t, seen())
	do("5001", agent.VerbLogin)
	do("5002", agent.VerbLogin, agent.VerbReady)
	require.Equal(t, map[bridge.DN]bool{"5001": false, "5002": true}, seen())
	do("5002", agent.VerbDNDOn)
	require.False(t, seen()["5002"], "do not disturb")
	do("5002", agent.VerbDNDOff, agent.VerbSetForward)
	require.False(t, seen()["5002"], "forwarded")
	do("5002", agent.VerbCancelForward)
	d.dns.Occupy("5002", "call")
	require.False(t, seen()["5002"], "in a call")
	d.dns.Free("5002", "call")
	d.dns.SetService("pbx1", "5002", false)
	require.False(t, seen()["5002"], "out of service")
	d.dns.SetService("pbx1", "5002", true)
	require.True(t, seen()["5002"])
	queueAgents{d}.RangOut("5002")
	v, _ := d.dns.View("5002")
	require.Equal(t, agent.NotReady, v.Agent.State)
	require.Equal(t, agent.ReasonNoAnswer, v.Agent.Reason)
	require.Zero(t, v.Calls)
}

func TestQueueMetrics(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(newQueueMetrics(func() []queue.View {
		return []queue.View{{
			Name: "sales", Open: true, Waiting: 2, Longest: 90 * time.Second, Callbacks: 1, LoggedIn: 5, Ready: 3,
			Total: queue.Figures{Entered: 9, Answered: 4, InTime: 3, Abandoned: 1, Waited: time.Minute},
		}}
	})))
	families, err := r.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, label := range m.GetLabel() {
				if label.GetName() == "queue" {
					require.Equal(t, "sales", label.GetValue())
					continue
				}
				name += " " + label.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	require.Equal(t, map[string]float64{
		"sidecar_queue_waiting": 2, "sidecar_queue_longest_wait_seconds": 90, "sidecar_queue_callbacks_waiting": 1,
		"sidecar_queue_agents_logged_in": 5, "sidecar_queue_agents_ready": 3, "sidecar_queue_open": 1,
		"sidecar_queue_calls_total entered": 9, "sidecar_queue_calls_total answered": 4, "sidecar_queue_calls_total abandoned": 1,
		"sidecar_queue_calls_total overflowed": 0, "sidecar_queue_calls_total routed": 0, "sidecar_queue_calls_total closed": 0,
		"sidecar_queue_calls_total callback": 0, "sidecar_queue_calls_total called_back": 0, "sidecar_queue_calls_total ended": 0,
		"sidecar_queue_answered_in_time_total": 3, "sidecar_queue_answered_wait_seconds_total": 60,
	}, got)
}
