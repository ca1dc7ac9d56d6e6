package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sidecar/bridge"
)

// Of the calls that wait when an agent is given one, none that the agent could have taken goes before it.
func TestNobodyIsPassedOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_000_000, 0)
		b := newBoard(Options{
			Queues: []Settings{
				{Name: "a", Skills: Levels{"x": 2}, RelaxAfter: 20 * time.Second, RaiseEvery: 15 * time.Second},
				{Name: "b", Base: 1, Agents: map[string]bool{"5001": true, "5002": true}},
				{Name: "c", ByNumber: map[string]int{"vip": 3}},
			},
			Skills: map[string]Levels{"5001": {"x": 2}, "5002": {"x": 1}},
		})
		b.restore(nil, now)
		n := 0
		for range rapid.IntRange(1, 60).Draw(t, "inputs") {
			now = now.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "pass")) * time.Second)
			callers := b.callersInOrder()
			var c *caller
			if len(callers) > 0 {
				c = callers[rapid.IntRange(0, len(callers)-1).Draw(t, "call")]
			}
			switch kind := rapid.SampledFrom([]string{"arrive", "arrive", "answer", "fail", "busy", "abandon"}).Draw(t, "kind"); {
			case kind == "arrive":
				n++
				b.wait(bridge.Waiting{
					Queue: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "queue"), Since: now,
					Call: bridge.CallView{ID: bridge.CallID(fmt.Sprint("c", n)), DNIS: rapid.SampledFrom([]string{"vip", "6000"}).Draw(t, "dnis")},
				}, now)
			case c == nil:
			case kind == "abandon":
				b.gone(c.call.ID, bridge.GoneAbandoned, now)
			case c.phase != offered:
			case kind == "answer":
				b.gone(c.call.ID, bridge.GoneAnswered, now)
			case kind == "fail":
				b.wait(bridge.Waiting{Queue: c.queue.Name, Call: c.call, Offered: c.to, Failed: bridge.ErrNoAnswer}, now)
			case kind == "busy":
				b.offerDone(c.call.ID, c.tries, bridge.ErrBusy, now)
			}
			var agents []Agent
			for i := range 4 {
				agents = append(agents, Agent{
					DN: bridge.DN(fmt.Sprint(5001 + i)), Ready: rapid.Bool().Draw(t, "ready"), Since: now.Add(-time.Duration(rapid.IntRange(0, 99).Draw(t, "idle")) * time.Second),
				})
			}
			lookAtStep(t, b, now, agents)
		}
	})
}

func lookAtStep(t require.TestingT, b *board, now time.Time, agents []Agent) {
	free := b.free(agents, now)
	before := map[bridge.CallID]phase{}
	for id, c := range b.callers {
		before[id] = c.phase
	}
	given := map[bridge.DN]*caller{}
	for _, e := range b.step(now, agents) {
		offer, ok := e.(offerEffect)
		if !ok {
			continue
		}
		require.Equal(t, waiting, before[offer.call], "offered twice")
		require.Nil(t, given[offer.to], "two calls for one agent")
		given[offer.to] = b.callers[offer.call]
	}
	rank := func(c *caller) (int, time.Time) { return c.candidate(now).priority, c.since }
	for _, a := range free {
		for _, c := range b.callers {
			if c.phase != waiting || !c.queue.serves(a, skillsOf(b.skills, a.ID, a.DN), now.Sub(c.since)) {
				continue
			}
			got := given[a.DN]
			require.NotNil(t, got, "%s is idle while %s waits", a.DN, c.call.ID)
			p, since := rank(got)
			mine, wait := rank(c)
			require.True(t, p > mine || p == mine && !since.After(wait), "%s was passed over", c.call.ID)
		}
		for _, other := range free { // who got a call was idle no shorter than whoever got none and could have taken it
			c := given[a.DN]
			if c == nil || given[other.DN] != nil || !c.queue.serves(other, skillsOf(b.skills, other.ID, other.DN), now.Sub(c.since)) {
				continue
			}
			require.False(t, other.Since.Before(a.Since), "%s was idle longer than %s", other.DN, a.DN)
		}
	}
}
