package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func TestLoadRefusesQueues(t *testing.T) {
	t.Parallel()
	with := func(settings string) string { return "queues: {sales: {number: 6000, " + settings + "}}\n" }
	const sound = "write the name of a sound file, without its ending"
	const wait = "must be 0, for never, or at least 1s"
	testRefusals(t, []refusal{
		{"name", "queues: {'a b': {number: 6000}}", `sidecar.yaml:1: queues.a b: "a b": a name has 1 to 64 letters, digits, _ and -`},
		{"no number", "queues: {sales: {}}", `sidecar.yaml:1: queues.sales.number: a queue needs the number of its route point, under which it is called inside, such as 6000`},
		{"no number at all", "queues: {sales: {number: sales}}", `sidecar.yaml:1: queues.sales.number: "sales": write 1 to 32 digits, * or #`},
		{"number of a DN", "queues: {sales: {number: 5001}}", `sidecar.yaml:1: queues.sales.number: "5001": is a DN already: a route point needs a number of its own`},
		{"emergency number", "queues: {sales: {number: 112}}", `sidecar.yaml:1: queues.sales.number: "112": is an emergency number`},
		{"number twice", "queues: {a: {number: 6000}, b: {number: 6000}}", `sidecar.yaml:1: queues.b.number: "6000": is the number of queue a already`},
		{"routing", with("routing: random"), `sidecar.yaml:1: queues.sales.routing: "random": must be one of internal, external`},
		{"agents", with("agents: [5001-5030]"), `sidecar.yaml:1: queues.sales.agents[0]: "5001-5030": 5021 is not a DN that is defined under dns`},
		{"agent", with("agents: ['a b']"), `sidecar.yaml:1: queues.sales.agents[0]: "a b": a name has 1 to 64 letters, digits, _ and -`},
		{"skill level", with("skills: {english: 0}"), `sidecar.yaml:1: queues.sales.skills.english: "0": must be from 1 to 100`},
		{"skill name", with("skills: {'a b': 1}"), `sidecar.yaml:1: queues.sales.skills.a b: "a b": a name has 1 to 64 letters, digits, _ and -`},
		{"agent's level", "skills: {5001: {english: 101}}", `sidecar.yaml:1: skills.5001.english: "101": must be from 0 to 100`},
		{"relaxation", with("relax_after: 10ms"), `sidecar.yaml:1: queues.sales.relax_after: "10ms": ` + wait},
		{"priority", with("priority: {base: 1000}"), `sidecar.yaml:1: queues.sales.priority.base: "1000": must be from -100 to 100`},
		{"priority of a number", with("priority: {numbers: {x: 1}}"), `sidecar.yaml:1: queues.sales.priority.numbers.x: "x": a number has 1 to 32 digits, * or #, and may start with +`},
		{"ring timeout", with("ring_timeout: 0s"), `sidecar.yaml:1: queues.sales.ring_timeout: "0s": a duration must be more than 0`},
		{"music", with("music_class: 'a b'"), `sidecar.yaml:1: queues.sales.music_class: "a b": a name has 1 to 64 letters, digits, _ and -`},
		{"sound", with("announce: {sounds: {next: '../x'}}"), `sidecar.yaml:1: queues.sales.announce.sounds.next: "../x": ` + sound},
		{"schedule", with("schedule: day, closed: hangup"), `sidecar.yaml:1: queues.sales.schedule: "day": no schedule of this name is defined`},
		{"closed without a target", weekdays + with("schedule: day"), `sidecar.yaml:2: queues.sales.closed: a queue with a schedule says what happens while closed, such as message:SOUND or hangup`},
		{"never closed", with("closed: hangup"), `sidecar.yaml:1: queues.sales.closed: "hangup": is never used: the queue names no schedule`},
		{"overflow to nowhere", with("overflow: {after: 1m}"), `sidecar.yaml:1: queues.sales.overflow.to: say where the calls go, such as queue:NAME or number:+4930123456`},
		{"overflow never", with("overflow: {to: 'dn:5001'}"), `sidecar.yaml:1: queues.sales.overflow.to: "dn:5001": is never used: set after, waiting or no_agents`},
		{"overflow to an unknown queue", with("overflow: {waiting: 3, to: 'queue:x'}"), `sidecar.yaml:1: queues.sales.overflow.to: "x": no queue of this name is defined; there are sales`},
		{"overflow to a message", with("overflow: {waiting: 3, to: 'message:x'}"), `sidecar.yaml:1: queues.sales.overflow.to: "message:x": must go to one of queue, dn, number`},
		{"negative overflow", with("overflow: {waiting: -1}"), `sidecar.yaml:1: queues.sales.overflow.waiting: "-1": must be 0, for any number of calls, or more`},
		{"callback without a prompt", with("callback: {after: 1m}"), `sidecar.yaml:1: queues.sales.callback.prompt: a sound is needed that tells callers to press 1 to be called back`},
		{"callback attempts", with("callback: {after: 1m, prompt: x, attempts: 0}"), `sidecar.yaml:1: queues.sales.callback.attempts: "0": must be from 1 to 100`},
		{"external without a default", with("routing: external"), `sidecar.yaml:1: queues.sales.external: an external queue needs within and default: where a call goes when nobody decides in time`},
		{"external of an internal queue", with("external: {within: 5s}"), `sidecar.yaml:1: queues.sales.external: is never used: routing is not external`},
		{"service level", with("service_level: 0s"), `sidecar.yaml:1: queues.sales.service_level: "0s": a duration must be more than 0`},
		{"class", with("class: vip"), `sidecar.yaml:1: queues.sales.class: "vip": no class of this name is defined; there are default`},
		{"route to an unknown queue", "routes: [{number: 49, to: 'queue:sales'}]", `sidecar.yaml:1: routes[0].to: "sales": no queue of this name is defined`},
		{"unknown key", with("colour: red"), `sidecar.yaml:1: queues.sales.colour: unknown key`},
	})
}

func TestLoadRefusesQueuesThatSendCallsInACircle(t *testing.T) {
	t.Parallel()
	_, _, err := load(t, `
queues:
  a: {number: 6001, overflow: {after: 1m, to: queue:b}}
  b: {number: 6002, routing: external, external: {within: 5s, default: queue:c}}
  c: {number: 6003, schedule: day, closed: queue:a}
  d: {number: 6004, overflow: {no_agents: true, to: queue:a}}
`+weekdays)
	const circle = "sends calls in a circle: overflow, closed and external.default of the queues that it leads to come back to it"
	for _, name := range []string{"a", "b", "c"} {
		require.ErrorContains(t, err, "queues."+name+`: "`+name+`": `+circle)
	}
	require.NotContains(t, err.Error(), "queues.d")
}

func TestAQueueOfTheFileStartsFromTheDefaults(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, `
queues: {sales: {number: 6000, agents: [5001-5003, jane], skills: {english: 3}, announce: {every: 30s}}}
skills: {5001: {english: 5}, jane: {english: 2}}
`)
	require.NoError(t, err)
	want := config.DefaultQueue()
	want.Number, want.Agents, want.Skills = "6000", []string{"5001-5003", "jane"}, config.Levels{"english": 3}
	want.Announce.Every = 30 * time.Second
	require.Equal(t, map[string]config.Queue{"sales": want}, cfg.Queues)
	require.Equal(t, map[string]config.Levels{"5001": {"english": 5}, "jane": {"english": 2}}, cfg.Skills)
}
