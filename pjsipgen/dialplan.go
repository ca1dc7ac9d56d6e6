package pjsipgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sidecar/config"
)

// Patterns of numbers that may be dialled. A single letter is none: h would run when a channel has hung up.
const (
	digitsPattern = "_[+*#0-9]!"
	wordsPattern  = "_[A-Za-z]."
)

// What FILTER lets through: numberChars, and what an id of a leg or channel consists of.
const (
	filterNumber = `+*#0-9A-Za-z_.\-`
	filterLeg    = `0-9A-Za-z_.\-`
)

func (b *builder) dialplan(p PJSIP) Dialplan {
	b.check.name(b.field("app"), b.server.App)
	if name := b.cfg.DialRules.DefaultTrunk; name != "" {
		b.knownTrunk("dial_rules.default_trunk", name)
	}
	d := Dialplan{
		Head: b.head, App: b.server.App, Digits: digitsPattern, Words: wordsPattern, Allowed: filterNumber, LegChars: filterLeg,
		AgentContexts: b.agentContexts(), TrunkContexts: []string{ContextTrunk, ContextGenesys}, UserDataHeaders: b.cfg.Calls.UserDataHeaders,
		DNs: p.DNs, Trunks: p.Trunks,
		Emergency: b.cfg.DialRules.Emergency,
		Normalise: b.normalise(), Classes: b.classes(), Schedules: b.schedules(),
		RingTimeout: seconds(b.cfg.Calls.RingTimeout), DialTimeout: seconds(b.cfg.Calls.DialTimeout),
	}
	if len(p.Peers) > 0 {
		d.PeerContext = contextPeers
	}
	for i, number := range d.Emergency {
		b.check.digits(fmt.Sprintf("dial_rules.emergency[%d]", i), number)
	}
	for i := range d.Trunks {
		d.Trunks[i].Routes = b.routes(d.Trunks[i].Name)
	}
	slices.Sort(b.mailboxes)
	d.Mailboxes = slices.Compact(b.mailboxes)
	return d
}

func seconds(d time.Duration) int { return max(1, int(d.Seconds())) }

// agentContexts are the contexts that DNs name besides the common one: other names for it. Names that other parts of
// the dialplan use are refused.
func (b *builder) agentContexts() []string {
	seen := map[string]bool{}
	for _, dn := range b.in.DNs {
		if dn.Context == ContextAgents || seen[dn.Context] {
			continue
		}
		if dn.Context == ContextTrunk || dn.Context == ContextGenesys || strings.HasPrefix(dn.Context, "sidecar-") || dn.Context == "general" || dn.Context == "globals" {
			b.check.refuse("dn "+dn.Number+".context", dn.Context, "is taken by the generated dialplan: choose from-agents or a name of your own")
		}
		seen[dn.Context] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// defaultTrunk carries outside numbers that a fallback or a route names.
func (b *builder) defaultTrunk() string {
	trunk, _ := b.cfg.OutboundTrunk("")
	return trunk.Name
}

func (b *builder) knownTrunk(field, name string) {
	if !slices.ContainsFunc(b.cfg.Trunks, func(t config.Trunk) bool { return t.Name == name }) {
		b.check.refuse(field, name, "must be the name of a trunk")
	}
}

func (b *builder) normalise() []Rewrite {
	rules := make([]Rewrite, 0, len(b.cfg.DialRules.Normalise))
	for i, r := range b.cfg.DialRules.Normalise {
		field := fmt.Sprintf("dial_rules.normalise[%d]", i)
		b.check.digits(field+".prefix", r.Prefix)
		if r.Replace != "" {
			b.check.digits(field+".replace", r.Replace)
		}
		rules = append(rules, Rewrite{Index: i, Length: len(r.Prefix), Prefix: r.Prefix, Replace: r.Replace})
	}
	return rules
}

func (b *builder) classes() []Class {
	classes := make([]Class, 0, len(b.cfg.DialRules.Classes))
	for _, name := range slices.Sorted(maps.Keys(b.cfg.DialRules.Classes)) {
		c := b.cfg.DialRules.Classes[name]
		field := "dial_rules.classes." + name
		b.check.name(field, name)
		if c.Trunk != "" {
			b.knownTrunk(field+".trunk", c.Trunk)
		}
		trunk, _ := b.cfg.OutboundTrunk(name)
		out := Class{Name: name, MaxConcurrent: c.MaxConcurrent, Trunk: trunk.Name}
		if trunk.Name == "" && len(b.cfg.Trunks) > 0 {
			trunk = b.cfg.Trunks[0] // an emergency call rather takes any trunk than none
		}
		out.UrgentTrunk, out.UrgentCallerID = trunk.Name, trunk.CallerID
		permit := map[string]bool{}
		for i, prefix := range c.Allow {
			b.prefix(fmt.Sprintf("%s.allow[%d]", field, i), prefix)
			permit[prefix] = true
		}
		for i, prefix := range c.Deny {
			b.prefix(fmt.Sprintf("%s.deny[%d]", field, i), prefix)
			permit[prefix] = false // deny wins a tie
		}
		out.PermitsOthers = permit[config.AnyNumber]
		delete(permit, config.AnyNumber)
		for _, prefix := range slices.Sorted(maps.Keys(permit)) {
			rule := ClassRule{Pattern: "_" + pattern(prefix) + "!", Class: name, Permit: permit[prefix]}
			out.Rules = append(out.Rules, rule)
			if !rule.Permit || strings.ContainsAny(prefix, "*#") {
				out.Services = append(out.Services, rule)
			}
		}
		classes = append(classes, out)
	}
	return classes
}

func (b *builder) prefix(field, prefix string) {
	if prefix != config.AnyNumber {
		b.check.digits(field, prefix)
	}
}

// pattern writes a number so that none of its letters is a wildcard (X, Z, N and . are, in a pattern).
func pattern(number string) string {
	var out strings.Builder
	for _, r := range number {
		if strings.ContainsRune("xXzZnN.!", r) {
			out.WriteString("[" + string(r) + "]")
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// routes gives the extensions of a trunk's routes. The dialplan takes the longest prefix, the configuration the first
// route that matches; both agree once the routes that an earlier one covers are left out.
func (b *builder) routes(trunk string) []Route {
	var routes []Route
	var taken []string
	for i, r := range b.cfg.Routes {
		field := fmt.Sprintf("routes[%d]", i)
		prefix := strings.TrimSuffix(r.Number, config.AnyNumber)
		if prefix != "" && !b.check.number(field+".number", prefix) || r.Number == "" {
			continue
		}
		if r.Trunk != "" && r.Trunk != trunk {
			b.knownTrunk(field+".trunk", r.Trunk)
			continue
		}
		if slices.ContainsFunc(taken, func(earlier string) bool { return covers(earlier, r.Number) }) {
			continue
		}
		taken = append(taken, r.Number)
		for _, exten := range extensions(r.Number) {
			routes = append(routes, b.route(field, r, exten))
		}
	}
	return routes
}

// extensions writes a route's number as the dialplan does.
func extensions(number string) []string {
	prefix, isPrefix := strings.CutSuffix(number, config.AnyNumber)
	switch {
	case !isPrefix:
		return []string{number}
	case prefix == "":
		return []string{digitsPattern, wordsPattern}
	case len(prefix) == 1 && !madeOf(prefix, digitChars):
		return []string{"_" + pattern(prefix) + "."} // not the prefix alone, which could be h
	default:
		return []string{"_" + pattern(prefix) + "!"}
	}
}

func covers(earlier, later string) bool {
	prefix, isPrefix := strings.CutSuffix(earlier, config.AnyNumber)
	return earlier == later || isPrefix && strings.HasPrefix(later, prefix)
}

func (b *builder) route(field string, r config.Route, exten string) Route {
	out := Route{Exten: exten, Key: field, Schedule: r.Schedule}
	switch {
	case !r.Fallback.IsZero():
		out.Open = b.target(field+".fallback", r.Fallback)
	case r.To.Kind == config.TargetDN:
		if _, known := b.byNumber[r.To.Value]; !known {
			b.check.refuse(field+".to", r.To.String(), "must name a DN of dns")
		}
		out.Open = Target{AsDN: r.To.Value}
	case r.To.Kind == config.TargetQueue, r.To.IsZero():
		out.Open = Target{Closed: true} // queues are the sidecar's
	default:
		out.Open = b.target(field+".to", r.To)
	}
	if r.Schedule != "" {
		if _, known := b.cfg.Schedules[r.Schedule]; !known {
			b.check.refuse(field+".schedule", r.Schedule, "must be a name of schedules")
		}
		out.Closed = Target{Closed: true}
		if !r.Closed.IsZero() {
			out.Closed = b.target(field+".closed", r.Closed)
		}
	}
	return out
}
