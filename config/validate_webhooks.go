package config

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
)

const (
	ruleHookURL = "write http:// or https://, a host and a path, without user, password or fragment"
	ruleHookKey = "write whsec_ and the base64 of 24 to 64 random bytes, as openssl rand -base64 32 makes them"
)

// webhooks judges the targets.
func (c *checker) webhooks() {
	for _, name := range slices.Sorted(maps.Keys(c.cfg.Webhooks)) {
		w, key := c.cfg.Webhooks[name], "webhooks."+name
		if !c.is.name.MatchString(name) {
			c.add(key, name, ruleName)
		}
		u, err := url.Parse(w.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			c.add(key+".url", "", ruleHookURL) // it may hold a secret
		}
		coded, ok := strings.CutPrefix(w.Secret.Reveal(), "whsec_")
		if raw, err := base64.StdEncoding.DecodeString(coded); !ok || err != nil || len(raw) < 24 || len(raw) > 64 {
			c.add(key+".secret", w.Secret.String(), ruleHookKey)
		}
		for i, event := range w.Events {
			c.oneOf(indexed(key+".events", i), event, EventNames()...)
		}
		for i, dns := range w.DNs {
			c.hookDNs(indexed(key+".dns", i), dns)
		}
		if w.Topic != "" {
			c.oneOf(key+".topic", w.Topic, "agent", "call")
		}
		c.wait(key+".give_up_after", w.GiveUpAfter)
	}
}

func (c *checker) hookDNs(key, text string) {
	numbers, rule := ExpandNumbers(text)
	if rule != "" {
		c.add(key, text, rule)
		return
	}
	for _, number := range numbers {
		if _, ok := c.dns[number]; c.dns != nil && !ok && !c.isRoutePoint(number) {
			c.add(key, text, number+" is not a DN that is defined under dns, nor the number of a queue")
			return
		}
	}
}

func (c *checker) isRoutePoint(number string) bool {
	for _, q := range c.cfg.Queues {
		if q.Number == number {
			return true
		}
	}
	return false
}
