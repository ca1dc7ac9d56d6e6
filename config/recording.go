package config

import (
	"slices"
	"strconv"
)

// Recording says which calls are recorded, who may hear them, and how long they are kept.
type Recording struct {
	Enabled       bool         `mapstructure:"enabled"`        // false: no recording begins, also by command
	Auto          []AutoRecord `mapstructure:"auto"`           // which calls are recorded without a command; the first rule that matches
	ConsentPrompt string       `mapstructure:"consent_prompt"` // sound that both sides hear before a recording begins; empty: none
	KeepDays      int          `mapstructure:"keep_days"`      // whole days after that of the recording, 0: for ever
	MaxBytes      int          `mapstructure:"max_bytes"`      // of all recordings; the oldest go first; 0: no limit
	MinFreeBytes  int          `mapstructure:"min_free_bytes"` // less than that is free on the disk: no recording begins
	// AgentsMayListen lets agents find and hear the recordings of their own DNs; supervisors and admins may anyway.
	AgentsMayListen bool `mapstructure:"agents_may_listen"`
}

// AutoRecord is a rule by which calls are recorded without a command.
type AutoRecord struct {
	DNs       []string `mapstructure:"dns"`       // DNs and ranges of DNs; empty: every DN
	Direction string   `mapstructure:"direction"` // inbound | outbound | internal | any
}

// Directions of calls that a rule for recording is about.
const (
	DirectionInbound  = "inbound"
	DirectionOutbound = "outbound"
	DirectionInternal = "internal"
	DirectionAny      = "any"
)

func defaultRecording() Recording {
	// With no room left the sidecar could not even keep its journal.
	return Recording{Auto: []AutoRecord{}, KeepDays: 90, MinFreeBytes: 1 << 30}
}

func defaultAutoRecord() AutoRecord { return AutoRecord{Direction: DirectionAny} }

// Covers reports whether the rule is about the DN and the direction of its call.
func (a AutoRecord) Covers(dn, direction string) bool {
	if a.Direction != DirectionAny && a.Direction != direction {
		return false
	}
	return len(a.DNs) == 0 || slices.ContainsFunc(a.DNs, func(text string) bool {
		numbers, rule := ExpandNumbers(text)
		return rule == "" && slices.Contains(numbers, dn)
	})
}

func (c *checker) recording() {
	r := &c.cfg.Recording
	for i, auto := range r.Auto {
		key := indexed("recording.auto", i)
		c.oneOf(key+".direction", auto.Direction, DirectionInbound, DirectionOutbound, DirectionInternal, DirectionAny)
		for j, text := range auto.DNs {
			c.recordedDNs(indexed(key+".dns", j), text)
		}
	}
	if r.ConsentPrompt != "" && !c.is.sound.MatchString(r.ConsentPrompt) {
		c.add("recording.consent_prompt", r.ConsentPrompt, "write the name of a sound file, without its ending")
	}
	for _, limit := range []struct {
		key   string
		value int
	}{{"keep_days", r.KeepDays}, {"max_bytes", r.MaxBytes}, {"min_free_bytes", r.MinFreeBytes}} {
		if limit.value < 0 {
			c.add("recording."+limit.key, strconv.Itoa(limit.value), "must be 0, for no limit, or more")
		}
	}
}

func (c *checker) recordedDNs(key, text string) {
	numbers, rule := ExpandNumbers(text)
	if rule != "" {
		c.add(key, text, rule)
		return
	}
	for _, number := range numbers {
		if _, ok := c.dns[number]; c.dns != nil && !ok {
			c.add(key, text, "no DN "+number+" is defined under dns")
			return
		}
	}
}
