package queue

import (
	"cmp"
	"slices"
	"time"

	"sidecar/bridge"
)

// candidate is a call, or a callback, that an agent is looked for.
type candidate struct {
	key      string // of the call or callback
	queue    *Settings
	since    time.Time
	priority int
}

// match is a candidate with its agent.
type match struct {
	key string
	dn  bridge.DN
}

// choose gives each candidate, the most urgent and then the longest waiting first, the agent who has been idle the
// longest of those who may take it. A candidate that nobody may take holds up no other one.
func choose(candidates []candidate, free []Agent, skills map[string]Levels, now time.Time) []match {
	slices.SortFunc(candidates, before)
	slices.SortFunc(free, func(a, b Agent) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.DN, b.DN)) })
	var matches []match
	for _, c := range candidates {
		if len(free) == 0 {
			break
		}
		i := slices.IndexFunc(free, func(a Agent) bool {
			return c.queue.serves(a, skillsOf(skills, a.ID, a.DN), now.Sub(c.since))
		})
		if i < 0 {
			continue
		}
		matches = append(matches, match{c.key, free[i].DN})
		free = slices.Delete(free, i, i+1)
	}
	return matches
}

func before(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), a.since.Compare(b.since), cmp.Compare(a.key, b.key))
}
