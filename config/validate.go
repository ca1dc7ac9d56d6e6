package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	maxNodeID = 255
	// minQueue keeps a desktop's first snapshot and a burst of events from ending its session at once.
	minQueue       = 100
	maxQueue       = 1_000_000
	minQueueBytes  = 64 << 10
	maxQueueBytes  = 1 << 30
	maxHoldTime    = 10 * time.Minute
	minSessionLife = 10 * time.Second
	maxSessionLife = time.Hour
	maxRetain      = 100_000_000
	maxUserStreams = 10_000
	maxCalls       = 1000
)

// Validate says everything that is wrong with a configuration, as a *ValidationError.
func (c *Config) Validate() error { return problemsError(c.check()) }

// check applies every rule and goes on after a broken one.
func (c *Config) check() []Problem {
	k := &checker{cfg: c, is: newPatterns()}
	k.path("data_dir", c.DataDir)
	k.name("node", c.Node)
	k.between("node_id", c.NodeID, 0, maxNodeID)
	k.http()
	k.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "text", "json")
	k.asterisks()
	k.network()
	k.gateway()
	k.directory()
	k.ports()
	k.trunks()
	k.reachesUpstreams()
	k.schedules()
	k.queues()
	k.dialRules()
	k.routes()
	k.positive("calls.ring_timeout", c.Calls.RingTimeout)
	k.positive("calls.dial_timeout", c.Calls.DialTimeout)
	k.name("calls.music_class", c.Calls.MusicClass)
	k.userData()
	k.recording()
	k.agents()
	k.workspace()
	k.lasts("cti.hold_time", c.CTI.HoldTime, time.Second, maxHoldTime)
	k.lasts("cti.session_life", c.CTI.SessionLife, minSessionLife, maxSessionLife)
	k.between("cti.queue_size", c.CTI.QueueSize, minQueue, maxQueue)
	k.between("cti.queue_bytes", c.CTI.QueueBytes, minQueueBytes, maxQueueBytes)
	k.between("cti.retain", c.CTI.Retain, 1, maxRetain)
	k.between("cti.user_streams", c.CTI.UserStreams, 1, maxUserStreams)
	k.eventLog()
	k.webhooks()
	k.positive("auth.token_life", c.Auth.TokenLife)
	k.between("audit.keep_days", c.Audit.KeepDays, 0, maxKeepDays)
	return k.problems
}

func (c *checker) http() {
	h := c.cfg.HTTP
	c.hostPort("http.listen", h.Listen, 0, c.isListenHost, ruleHostPort)
	if h.TLS.Listen != "" {
		c.hostPort("http.tls.listen", h.TLS.Listen, 0, c.isListenHost, ruleHostPort)
	}
	if (h.TLS.CertFile == "") != (h.TLS.KeyFile == "") {
		c.add("http.tls", "", "cert_file and key_file go together: write both, or none for a certificate of our own")
	}
	for i, origin := range h.AllowedOrigins {
		if !isOrigin(origin) {
			c.add(indexed("http.allowed_origins", i), origin, "write one exact origin, such as https://desktop.example.com")
		}
	}
	c.positive("http.drain_timeout", h.DrainTimeout)
}

// directory judges the DNs: the groups, what they expand to, and what their settings refer to.
func (c *checker) directory() {
	dns, err := c.cfg.ExpandDNs()
	if err != nil {
		if invalid := (*ValidationError)(nil); errors.As(err, &invalid) {
			c.problems = append(c.problems, invalid.Problems...)
		}
	} else {
		c.dns = make(map[string]DN, len(dns))
		for _, dn := range dns {
			c.dns[dn.Number] = dn
		}
		if len(c.cfg.DNs) == 0 {
			c.add("dns", "", "at least one DN is needed, such as numbers: [5001-5020]")
		}
	}
	for i := range c.cfg.DNs {
		group, key := &c.cfg.DNs[i], indexed("dns", i)
		if len(group.Numbers) == 0 {
			c.add(key+".numbers", "", "at least one DN or range is needed, such as 5001-5020")
		}
		c.dnSettings(key, group.withDefaults())
		for _, number := range slices.SortedFunc(maps.Keys(group.Overrides), CompareNumbers) {
			override := group.Overrides[number]
			c.dnSettings(key+".overrides."+number, override)
			c.ownFallback(key+".overrides."+number+".fallback", override.Fallback, number)
		}
	}
	for _, dn := range dns {
		if slices.Contains(c.cfg.DialRules.Emergency, dn.Number) {
			c.add("dial_rules.emergency", dn.Number, "is also a DN: an emergency number must reach the emergency service")
		}
	}
}

// dnSettings judges the settings that are written; what is left open is judged where it comes from.
func (c *checker) dnSettings(key string, s DNSettings) {
	if s.Owner != "" {
		c.oneOf(key+".owner", s.Owner, owners()...)
	}
	c.upstream(key+".upstream", s)
	if rule := settingRule(s.Password); rule != "" {
		c.add(key+".password", s.Password.String(), rule)
	}
	c.target(key+".fallback", s.Fallback, TargetDN, TargetNumber, TargetVoicemail, TargetMessage, TargetHangup)
	c.reachable(key+".fallback", s.Fallback)
	c.text(key+".caller_id", strings.ReplaceAll(s.CallerID, dnPattern, ""))
	for i, number := range s.CallerIDs {
		if !c.is.number.MatchString(number) {
			c.add(indexed(key+".caller_ids", i), number, ruleNumber)
		}
	}
	if s.Context != "" {
		c.context(key+".context", s.Context)
	}
	if len(s.Codecs) > 0 {
		c.codecs(key+".codecs", s.Codecs)
	}
	if s.Class != "" {
		c.known(key+".class", s.Class, "class", slices.Collect(maps.Keys(c.cfg.DialRules.Classes)))
	}
	if s.MaxCalls != 0 {
		c.between(key+".max_calls", s.MaxCalls, 1, maxCalls)
	}
}

func (c *checker) context(key, name string) {
	c.name(key, name)
	if name == "general" || name == "globals" {
		c.add(key, name, "Asterisk uses this section name itself")
	}
}

func (c *checker) codecs(key string, list []string) {
	if len(list) == 0 {
		c.add(key, "", "at least one codec is needed: "+strings.Join(codecs(), ", "))
	}
	for i, codec := range list {
		c.oneOf(indexed(key, i), codec, codecs()...)
		if slices.Contains(list[:i], codec) {
			c.add(indexed(key, i), codec, "is in the list already")
		}
	}
}

// target judges where a call is to go.
func (c *checker) target(key string, t Target, allowed ...TargetKind) {
	if t.IsZero() {
		return
	}
	if !slices.Contains(allowed, t.Kind) {
		kinds := make([]string, len(allowed))
		for i, kind := range allowed {
			kinds[i] = string(kind)
		}
		c.add(key, t.String(), "must go to one of "+strings.Join(kinds, ", "))
		return
	}
	switch t.Kind {
	case TargetDN:
		if _, ok := c.dns[t.Value]; c.dns != nil && !ok {
			c.add(key, t.String(), "no DN of this number is defined under dns")
		}
	case TargetNumber:
		if !c.is.number.MatchString(t.Value) {
			c.add(key, t.String(), ruleNumber)
		} else if _, ok := c.cfg.OutboundTrunk(""); !ok {
			c.add(key, t.String(), "an outside number needs a trunk: define one and name it in dial_rules.default_trunk")
		}
	case TargetQueue:
		if !c.is.name.MatchString(t.Value) {
			c.add(key, t.String(), ruleName)
		} else {
			c.known(key, t.Value, "queue", slices.Collect(maps.Keys(c.cfg.Queues)))
		}
	case TargetVoicemail:
		if !c.is.mailbox.MatchString(t.Value) {
			c.add(key, t.String(), "write voicemail:MAILBOX or voicemail:MAILBOX@CONTEXT")
		}
	case TargetMessage:
		if !c.is.sound.MatchString(t.Value) {
			c.add(key, t.String(), "write message:SOUND with the name of a sound file, without its ending")
		}
	case TargetNone, TargetHangup:
	}
}

// reachable refuses a fallback that would be away together with the sidecar.
func (c *checker) reachable(key string, t Target) {
	if t.Kind != TargetDN {
		return
	}
	if dn, ok := c.dns[t.Value]; ok && dn.Owner == OwnerSidecar {
		c.add(key, t.String(), "this DN is owned by the sidecar and away together with it: name a DN with owner phone")
	}
}

func (c *checker) ownFallback(key string, t Target, number string) {
	if t.Kind == TargetDN && t.Value == number {
		c.add(key, t.String(), "a DN can't be its own fallback")
	}
}

// OutboundTrunk gives the trunk that carries outside calls of a class: the class's own, else the default trunk, else
// the only one there is.
func (c *Config) OutboundTrunk(class string) (Trunk, bool) {
	name := c.DialRules.Classes[class].Trunk
	if name == "" {
		name = c.DialRules.DefaultTrunk
	}
	if name == "" && len(c.Trunks) == 1 {
		return c.Trunks[0], true
	}
	for _, trunk := range c.Trunks {
		if name != "" && trunk.Name == name {
			return trunk, true
		}
	}
	return Trunk{}, false
}
