package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxLevel = 100
	ruleWait = "must be 0, for never, or at least 1s"
)

func (c *checker) queues() {
	numbers := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.cfg.Queues)) {
		q, key := c.cfg.Queues[name], "queues."+name
		if !c.is.name.MatchString(name) {
			c.add(key, name, ruleName)
		}
		c.queueNumber(key+".number", name, q.Number, numbers)
		c.queue(key, &q)
		c.queueOverflow(key+".overflow", &q.Overflow)
		c.queueCallback(key+".callback", &q)
		c.queueExternal(key, &q)
		c.queueLoop(key, name)
	}
	c.skills()
}

func (c *checker) queueNumber(key, name, number string, taken map[string]string) {
	_, isDN := c.dns[number]
	switch {
	case number == "":
		c.add(key, "", "a queue needs the number of its route point, under which it is called inside, such as 6000")
	case !isDN && (!c.is.number.MatchString(number) || strings.HasPrefix(number, "+")):
		c.add(key, number, "write 1 to 32 digits, * or #")
	case isDN:
		c.add(key, number, "is a DN already: a route point needs a number of its own")
	case slices.Contains(c.cfg.DialRules.Emergency, number):
		c.add(key, number, "is an emergency number")
	case taken[number] != "":
		c.add(key, number, "is the number of queue "+taken[number]+" already")
	default:
		taken[number] = name
	}
}

func (c *checker) queue(key string, q *Queue) {
	c.oneOf(key+".routing", q.Routing, RoutingInternal, RoutingExternal)
	for i, agent := range q.Agents {
		c.queueAgent(indexed(key+".agents", i), agent)
	}
	c.levels(key+".skills", q.Skills, 1)
	c.wait(key+".relax_after", q.RelaxAfter)
	c.between(key+".priority.base", q.Priority.Base, -maxLevel, maxLevel)
	for _, number := range slices.Sorted(maps.Keys(q.Priority.Numbers)) {
		if !c.is.number.MatchString(number) {
			c.add(key+".priority.numbers."+number, number, ruleNumber)
		}
		c.between(key+".priority.numbers."+number, q.Priority.Numbers[number], -maxLevel, maxLevel)
	}
	c.wait(key+".priority.raise_every", q.Priority.RaiseEvery)
	c.positive(key+".ring_timeout", q.RingTimeout)
	c.name(key+".music_class", q.MusicClass)
	c.wait(key+".announce.every", q.Announce.Every)
	sounds := q.Announce.Sounds
	for _, s := range []struct{ name, value string }{
		{"next", sounds.Next},
		{"there_are", sounds.ThereAre},
		{"calls_waiting", sounds.CallsWaiting},
		{"hold_time", sounds.HoldTime},
		{"minutes", sounds.Minutes},
		{"thanks", sounds.Thanks},
	} {
		c.sound(key+".announce.sounds."+s.name, s.value)
	}
	c.queueSchedule(key, q)
	c.positive(key+".service_level", q.ServiceLevel)
	c.known(key+".class", q.Class, "class", slices.Collect(maps.Keys(c.cfg.DialRules.Classes)))
}

func (c *checker) queueAgent(key, agent string) {
	numbers, rule := ExpandNumbers(agent)
	if rule != "" { // the id of an agent, which may look like anything else
		c.name(key, agent)
		return
	}
	for _, number := range numbers {
		if _, ok := c.dns[number]; c.dns != nil && !ok && len(numbers) > 1 {
			c.add(key, agent, number+" is not a DN that is defined under dns")
			return
		}
	}
}

func (c *checker) queueSchedule(key string, q *Queue) {
	switch {
	case q.Schedule == "" && !q.Closed.IsZero():
		c.add(key+".closed", q.Closed.String(), "is never used: the queue names no schedule")
	case q.Schedule != "":
		c.known(key+".schedule", q.Schedule, "schedule", slices.Collect(maps.Keys(c.cfg.Schedules)))
		if q.Closed.IsZero() {
			c.add(key+".closed", "", "a queue with a schedule says what happens while closed, such as message:SOUND or hangup")
		}
	}
	c.target(key+".closed", q.Closed, TargetMessage, TargetHangup, TargetNumber, TargetDN, TargetQueue)
}

func (c *checker) queueOverflow(key string, o *QueueOverflow) {
	c.wait(key+".after", o.After)
	if o.Waiting < 0 {
		c.add(key+".waiting", strconv.Itoa(o.Waiting), "must be 0, for any number of calls, or more")
	}
	used := o.After > 0 || o.Waiting > 0 || o.NoAgents
	switch {
	case used && o.To.IsZero():
		c.add(key+".to", "", "say where the calls go, such as queue:NAME or number:+4930123456")
	case !used && !o.To.IsZero():
		c.add(key+".to", o.To.String(), "is never used: set after, waiting or no_agents")
	}
	c.target(key+".to", o.To, TargetQueue, TargetDN, TargetNumber)
}

func (c *checker) queueCallback(key string, q *Queue) {
	b := &q.Callback
	c.wait(key+".after", b.After)
	if b.After == 0 {
		return
	}
	if q.Routing == RoutingExternal {
		c.add(key+".after", b.After.String(), "an external queue has no agents of its own who could call back")
	}
	c.required(key+".prompt", b.Prompt, "a sound is needed that tells callers to press 1 to be called back")
	c.sound(key+".prompt", b.Prompt)
	c.sound(key+".accepted", b.Accepted)
	c.between(key+".attempts", b.Attempts, 1, maxLevel)
	c.positive(key+".pause", b.Pause)
	c.positive(key+".lifetime", b.Lifetime)
}

func (c *checker) queueExternal(key string, q *Queue) {
	e := &q.External
	c.wait(key+".external.within", e.Within)
	switch {
	case q.Routing != RoutingExternal && (e.Within != 0 || !e.Default.IsZero()):
		c.add(key+".external", "", "is never used: routing is not external")
	case q.Routing == RoutingExternal && (e.Within == 0 || e.Default.IsZero()):
		c.add(key+".external", "", "an external queue needs within and default: where a call goes when nobody decides in time")
	}
	c.target(key+".external.default", e.Default, TargetQueue, TargetDN, TargetNumber)
}

// queueLoop follows the queues that a call could be sent on to by itself.
func (c *checker) queueLoop(key, name string) {
	seen := map[string]bool{}
	next := c.nextQueues(name)
	for len(next) > 0 {
		q := next[0]
		next = next[1:]
		if q == name {
			c.add(key, name, "sends calls in a circle: overflow, closed and external.default of the queues that it leads to come back to it")
			return
		}
		if !seen[q] {
			seen[q] = true
			next = append(next, c.nextQueues(q)...)
		}
	}
}

func (c *checker) nextQueues(name string) []string {
	q := c.cfg.Queues[name]
	var next []string
	for _, t := range []Target{q.Overflow.To, q.Closed, q.External.Default} {
		if t.Kind == TargetQueue {
			next = append(next, t.Value)
		}
	}
	return next
}

func (c *checker) skills() {
	for _, agent := range slices.Sorted(maps.Keys(c.cfg.Skills)) {
		key := "skills." + agent
		c.name(key, agent)
		c.levels(key, c.cfg.Skills[agent], 0)
	}
}

func (c *checker) levels(key string, levels Levels, lowest int) {
	for _, skill := range slices.Sorted(maps.Keys(levels)) {
		c.name(key+"."+skill, skill)
		c.between(key+"."+skill, levels[skill], lowest, maxLevel)
	}
}

func (c *checker) required(key, value, rule string) {
	if value == "" {
		c.add(key, "", rule)
	}
}

func (c *checker) sound(key, value string) {
	if value != "" && !c.is.sound.MatchString(value) {
		c.add(key, value, "write the name of a sound file, without its ending")
	}
}

// wait judges a duration that 0 turns off.
func (c *checker) wait(key string, d time.Duration) {
	if d != 0 && d < time.Second {
		c.add(key, d.String(), ruleWait)
	}
}
