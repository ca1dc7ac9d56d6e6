package queue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000, 0)
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	plain := &Settings{}
	english := &Settings{Skills: Levels{"english": 5}, RelaxAfter: time.Minute}
	team := &Settings{Agents: map[string]bool{"5002": true, "jane": true}}
	skills := map[string]Levels{"5001": {"english": 5}, "5002": {"english": 3}, "jane": {"english": 4}}
	agents := []Agent{ // 5003, where jane is, has been idle the longest
		{DN: "5001", Since: ago(10)}, {DN: "5002", Since: ago(20)}, {DN: "5003", ID: "jane", Since: ago(30)},
	}
	for name, tc := range map[string]struct {
		candidates []candidate
		agents     []Agent
		want       []match
	}{
		"nobody waits": {nil, agents, nil},
		"nobody is free": {
			[]candidate{{"a", plain, ago(1), 0}}, nil, nil,
		},
		"the longest idle": {
			[]candidate{{"a", plain, ago(1), 0}}, agents, []match{{"a", "5003"}},
		},
		"the lower DN of two that became idle at once": {
			[]candidate{{"a", plain, ago(1), 0}}, []Agent{{DN: "5002"}, {DN: "5001"}}, []match{{"a", "5001"}},
		},
		"the longest waiting first": {
			[]candidate{{"a", plain, ago(1), 0}, {"b", plain, ago(2), 0}}, agents[:1], []match{{"b", "5001"}},
		},
		"the more urgent first": {
			[]candidate{{"a", plain, ago(1), 1}, {"b", plain, ago(200), 0}}, agents[:1], []match{{"a", "5001"}},
		},
		"one of two that came at once": {
			[]candidate{{"b", plain, ago(1), 0}, {"a", plain, ago(1), 0}}, agents[:1], []match{{"a", "5001"}},
		},
		"each agent once": {
			[]candidate{{"a", plain, ago(3), 0}, {"b", plain, ago(2), 0}, {"c", plain, ago(1), 0}, {"d", plain, ago(0), 0}},
			agents,
			[]match{{"a", "5003"}, {"b", "5002"}, {"c", "5001"}},
		},
		"only who has the skill": {
			[]candidate{{"a", english, ago(59), 0}}, agents, []match{{"a", "5001"}},
		},
		"a level less after a while": {
			[]candidate{{"a", english, ago(60), 0}}, agents, []match{{"a", "5003"}},
		},
		"any level in the end": {
			[]candidate{{"a", english, ago(300), 0}}, []Agent{{DN: "5009"}}, []match{{"a", "5009"}},
		},
		"not before": {
			[]candidate{{"a", english, ago(299), 0}}, []Agent{{DN: "5009"}}, nil,
		},
		"the agent's levels before those of the DN": {
			[]candidate{{"a", english, ago(0), 0}}, []Agent{{DN: "5001", ID: "jane"}}, nil,
		},
		"only who belongs to the queue, by DN": {
			[]candidate{{"a", team, ago(1), 0}}, agents[:2], []match{{"a", "5002"}},
		},
		"only who belongs to the queue, by agent": {
			[]candidate{{"a", team, ago(1), 0}}, agents, []match{{"a", "5003"}},
		},
		"who can't be served holds up nobody": {
			[]candidate{{"a", english, ago(9), 9}, {"b", plain, ago(1), 0}}, agents[1:2], []match{{"b", "5002"}},
		},
		"an agent in two queues goes to the more urgent one": {
			[]candidate{{"a", plain, ago(9), 0}, {"b", team, ago(1), 3}}, agents[1:2], []match{{"b", "5002"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			free := append([]Agent(nil), tc.agents...)
			require.Equal(t, tc.want, choose(tc.candidates, free, skills, now))
		})
	}
}

func TestPriority(t *testing.T) {
	t.Parallel()
	s := Settings{Base: 2, ByNumber: map[string]int{"+4930": 5}, RaiseEvery: 30 * time.Second}
	for name, tc := range map[string]struct {
		dnis   string
		waited time.Duration
		want   int
	}{
		"base":             {"6000", 0, 2},
		"of a number":      {"+4930", 29 * time.Second, 7},
		"raised":           {"6000", 30 * time.Second, 3},
		"raised again":     {"+4930", 61 * time.Second, 9},
		"clocks that jump": {"6000", -time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, s.priority(tc.dnis, tc.waited))
		})
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	l := newLedger("sales", noon)
	l.count(noon, Figures{Answered: 1, InTime: 1, Waited: 10 * time.Second, Longest: 10 * time.Second})
	l.count(noon.Add(20*time.Minute), Figures{Answered: 1, Waited: 50 * time.Second, Longest: 50 * time.Second})
	l.count(noon.Add(20*time.Minute), Figures{Abandoned: 2})
	f := l.last(noon.Add(20 * time.Minute))
	require.Equal(t, Figures{Answered: 2, InTime: 1, Abandoned: 2, Waited: time.Minute, Longest: 50 * time.Second}, f)
	require.InDelta(t, 0.25, f.ServiceLevel(), 1e-9)
	require.Equal(t, 30*time.Second, f.AverageWait())
	require.Equal(t, 30*time.Minute, l.estimate(noon.Add(20*time.Minute), 3), "two in 20 minutes")

	f = l.last(noon.Add(31 * time.Minute))
	require.Equal(t, 1, f.Answered, "the first is older than 30 minutes")
	require.Equal(t, 2, l.Today.Answered)
	require.Equal(t, 30*time.Minute, l.estimate(noon.Add(31*time.Minute), 1))
	require.Zero(t, l.last(noon.Add(2*time.Hour)))
	require.Zero(t, l.estimate(noon.Add(2*time.Hour), 1), "nobody knows")
	l.roll(noon.Add(12 * time.Hour))
	require.Zero(t, l.Today, "midnight")
	require.Equal(t, 2, l.Total.Answered)
	require.InDelta(t, 1, l.Today.ServiceLevel(), 1e-9)
}
