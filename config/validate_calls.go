package config

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// reservedNames are sections of Asterisk's configuration that a trunk of the same name would collide with.
func reservedNames() []string { return []string{"default", "general", "global", "globals", "system"} }

// dialRoles are the roles with a class of their own. Agents have none: by REST they may call what their phone may.
func dialRoles() []string { return []string{"supervisor", "admin"} }

func (c *checker) trunks() {
	names := map[string]int{}
	for i := range c.cfg.Trunks {
		t, key := &c.cfg.Trunks[i], indexed("trunks", i)
		c.name(key+".name", t.Name)
		if first, twice := names[t.Name]; twice {
			c.add(key+".name", t.Name, fmt.Sprintf("is already the name of trunks[%d]", first))
		} else {
			names[t.Name] = i
		}
		if slices.Contains(reservedNames(), t.Name) {
			c.add(key+".name", t.Name, "Asterisk uses this section name itself")
		}
		if _, isADN := c.dns[t.Name]; isADN {
			c.add(key+".name", t.Name, "is a DN already: both would be the same endpoint in Asterisk")
		}
		c.trunk(key, t)
	}
}

func (c *checker) trunk(key string, t *Trunk) {
	c.oneOf(key+".kind", t.Kind, trunkKinds()...)
	c.hostPort(key+".host", t.Host, 1, c.isHost, ruleHostPort)
	c.trunkTransport(key+".transport", t.Transport)
	for i, match := range t.Match {
		if !isNet(match) && !c.isHost(match) {
			c.add(indexed(key+".match", i), match, "write an address, a network or a host name, without port")
		}
	}
	if t.Username != "" && !c.is.user.MatchString(t.Username) {
		c.add(key+".username", t.Username, "a user name has 1 to 64 letters, digits and _ . + ~ * ! -")
	}
	if t.Password != "" {
		if rule := passwordRule(t.Password.Reveal(), 1); rule != "" {
			c.add(key+".password", t.Password.String(), rule)
		}
	}
	switch {
	case t.Kind == TrunkProvider && t.Username == "":
		c.add(key+".username", "", "a provider needs the user name to register with")
	case t.Kind == TrunkProvider && t.Password == "":
		c.add(key+".password", "", "a provider needs the password to register with")
	case t.Username == "" && t.Password != "":
		c.add(key+".username", "", "a password needs a user name")
	}
	c.optionalNumber(key+".caller_id", t.CallerID)
	c.optionalNumber(key+".strip", t.Strip)
	c.optionalNumber(key+".prepend", t.Prepend)
	c.codecs(key+".codecs", t.Codecs)
	if t.MaxCalls < 0 {
		c.add(key+".max_calls", strconv.Itoa(t.MaxCalls), "must be 0, for no limit, or more")
	}
}

// optionalNumber also takes a lone +, which is a prefix that can be taken off or put in front.
func (c *checker) optionalNumber(key, number string) {
	if number != "" && number != "+" && !c.is.number.MatchString(number) {
		c.add(key, number, ruleNumber)
	}
}

func (c *checker) trunkTransport(key, transport string) {
	c.oneOf(key, transport, TransportUDP, TransportTCP, TransportTLS)
	switch {
	case transport == TransportTLS && c.cfg.Network.TLS.Listen == "":
		c.add(key, transport, "needs network.tls.listen")
	case (transport == TransportUDP || transport == TransportTCP) && !slices.Contains(c.cfg.Network.Transports, transport):
		c.add(key, transport, "is not among network.transports")
	}
}

func (c *checker) trunkNames() []string {
	names := make([]string, len(c.cfg.Trunks))
	for i := range c.cfg.Trunks {
		names[i] = c.cfg.Trunks[i].Name
	}
	return names
}

func (c *checker) schedules() {
	for _, name := range slices.Sorted(maps.Keys(c.cfg.Schedules)) {
		key := "schedules." + name
		if !c.is.name.MatchString(name) {
			c.add(key, name, ruleName)
		}
		_, problems := c.cfg.Schedules[name].parse(key)
		c.problems = append(c.problems, problems...)
	}
}

func (c *checker) dialRules() {
	rules := &c.cfg.DialRules
	for i, rewrite := range rules.Normalise {
		c.rewrite(indexed("dial_rules.normalise", i), rewrite, rules.Normalise[:i])
	}
	for _, name := range slices.Sorted(maps.Keys(rules.Classes)) {
		c.dialClass("dial_rules.classes."+name, name, rules.Classes[name])
	}
	for _, role := range slices.Sorted(maps.Keys(rules.Roles)) {
		c.oneOf("dial_rules.roles."+role, role, dialRoles()...)
		c.known("dial_rules.roles."+role, rules.Roles[role], "class", slices.Collect(maps.Keys(rules.Classes)))
	}
	for i, number := range rules.Emergency {
		if !c.is.number.MatchString(number) {
			c.add(indexed("dial_rules.emergency", i), number, ruleNumber)
		}
	}
	c.defaultTrunk()
}

// defaultTrunk sees to it that an emergency call finds its way: the class of its caller may name a trunk, but need not.
func (c *checker) defaultTrunk() {
	const key = "dial_rules.default_trunk"
	rules, names := &c.cfg.DialRules, c.trunkNames()
	switch {
	case rules.DefaultTrunk != "":
		c.known(key, rules.DefaultTrunk, "trunk", names)
	case len(names) > 1 && len(rules.Emergency) > 0:
		c.add(key, "", "with several trunks, emergency calls need the one that carries them: name one of "+strings.Join(names, ", "))
	}
}

func (c *checker) rewrite(key string, r Rewrite, before []Rewrite) {
	if r.Prefix == "" {
		c.add(key+".prefix", "", ruleNumber)
	}
	c.optionalNumber(key+".prefix", r.Prefix)
	c.optionalNumber(key+".replace", r.Replace)
	for i, earlier := range before {
		if strings.HasPrefix(r.Prefix, earlier.Prefix) {
			c.add(key+".prefix", r.Prefix, fmt.Sprintf("is never reached: dial_rules.normalise[%d] matches first; put the longer prefix before it", i))
		}
	}
}

func (c *checker) dialClass(key, name string, class DialClass) {
	if !c.is.name.MatchString(name) {
		c.add(key, name, ruleName)
	}
	c.prefixes(key+".allow", class.Allow)
	c.prefixes(key+".deny", class.Deny)
	if class.MaxConcurrent < 0 {
		c.add(key+".max_concurrent", strconv.Itoa(class.MaxConcurrent), "must be 0, for no limit, or more")
	}
	if class.Trunk != "" {
		c.known(key+".trunk", class.Trunk, "trunk", c.trunkNames())
	}
}

func (c *checker) prefixes(key string, list []string) {
	for i, prefix := range list {
		if prefix != "+" && !c.is.number.MatchString(prefix) {
			c.add(indexed(key, i), prefix, "write the start of a number, such as +49, or * for every number")
		}
	}
}

func (c *checker) routes() {
	for i := range c.cfg.Routes {
		r, key := &c.cfg.Routes[i], indexed("routes", i)
		if !c.is.routeNumber.MatchString(r.Number) {
			c.add(key+".number", r.Number, "write a number with up to 32 digits, the start of numbers with a closing *, or * for every number")
		}
		if r.Trunk != "" {
			c.known(key+".trunk", r.Trunk, "trunk", c.trunkNames())
		}
		if r.To.IsZero() {
			c.add(key+".to", "", "a route needs a destination: dn:5001, queue:NAME or number:+4930123456")
		}
		c.target(key+".to", r.To, TargetDN, TargetQueue, TargetNumber)
		c.target(key+".closed", r.Closed, TargetMessage, TargetNumber, TargetDN, TargetVoicemail, TargetHangup)
		c.target(key+".fallback", r.Fallback, TargetDN, TargetNumber, TargetVoicemail, TargetMessage, TargetHangup)
		c.reachable(key+".fallback", r.Fallback)
		c.routeSchedule(key, r)
		for j := range c.cfg.Routes[:i] {
			if c.cfg.Routes[j].Covers(*r) {
				c.add(key+".number", r.Number, fmt.Sprintf("is never reached: routes[%d] matches first; put the narrower route before it", j))
				break
			}
		}
	}
}

func (c *checker) routeSchedule(key string, r *Route) {
	if r.Schedule == "" {
		if !r.Closed.IsZero() {
			c.add(key+".closed", r.Closed.String(), "is never used: the route names no schedule")
		}
		return
	}
	c.known(key+".schedule", r.Schedule, "schedule", slices.Collect(maps.Keys(c.cfg.Schedules)))
	if r.Closed.IsZero() {
		c.add(key+".closed", "", "a route with a schedule says what happens while closed, such as message:SOUND or hangup")
	}
}

// Matches reports whether the route is for a number that a trunk delivers.
func (r Route) Matches(trunk, number string) bool {
	if r.Trunk != "" && r.Trunk != trunk {
		return false
	}
	prefix, open := strings.CutSuffix(r.Number, AnyNumber)
	return number == r.Number || open && strings.HasPrefix(number, prefix)
}

// Covers reports whether every number that other matches is matched by r too.
func (r Route) Covers(other Route) bool {
	if r.Trunk != "" && r.Trunk != other.Trunk {
		return false
	}
	prefix, open := strings.CutSuffix(r.Number, AnyNumber)
	if !open {
		return r.Number == other.Number
	}
	return strings.HasPrefix(strings.TrimSuffix(other.Number, AnyNumber), prefix)
}

// MatchAddresses are the addresses that a trunk's calls come from: those listed, else its host.
func (t Trunk) MatchAddresses() []string {
	if len(t.Match) > 0 {
		return slices.Clone(t.Match)
	}
	host, _, err := net.SplitHostPort(t.Host)
	if err != nil {
		return []string{t.Host}
	}
	return []string{host}
}
