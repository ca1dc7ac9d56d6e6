package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	ruleName     = "a name has 1 to 64 letters, digits, _ and -"
	ruleNumber   = "a number has 1 to 32 digits, * or #, and may start with +"
	ruleHostPort = "write host:port, such as 127.0.0.1:5060"
	ruleText     = "no control characters, quotes, semicolons, brackets, < > \\ or $ may stand here, and at most 80 characters"
	maxText      = 80
	maxPort      = 65535
	firstFree    = 1024 // ports below need privileges
)

// Compiling these with each call would cost more than all checks together, hence a struct made once per check.
type patterns struct {
	name, number, user, sound, mailbox, hostname, routeNumber *regexp.Regexp
}

func newPatterns() patterns {
	return patterns{
		name:        regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`),
		number:      regexp.MustCompile(`^\+?[0-9*#]{1,32}$`),
		user:        regexp.MustCompile(`^[A-Za-z0-9_.+~*!-]{1,64}$`),
		sound:       regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`),
		mailbox:     regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(@[A-Za-z0-9_-]{1,64})?$`),
		hostname:    regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$`),
		routeNumber: regexp.MustCompile(`^(\*|\+?[0-9]{1,32}\*?)$`),
	}
}

// checker collects the broken rules.
type checker struct {
	cfg      *Config
	is       patterns
	dns      map[string]DN // nil when the DNs themselves are wrong: then nothing is said about references to them
	problems []Problem
}

func (c *checker) add(key, value, rule string) {
	c.problems = append(c.problems, Problem{Key: key, Value: value, Rule: rule})
}

func (c *checker) name(key, value string) {
	if !c.is.name.MatchString(value) {
		c.add(key, value, ruleName)
	}
}

func (c *checker) oneOf(key, value string, options ...string) {
	if !slices.Contains(options, value) {
		c.add(key, value, "must be one of "+strings.Join(options, ", "))
	}
}

// known judges a reference to something that is defined under a name.
func (c *checker) known(key, value, what string, defined []string) {
	if slices.Contains(defined, value) {
		return
	}
	slices.Sort(defined)
	rule := "no " + what + " of this name is defined"
	if len(defined) > 0 {
		rule += "; there are " + strings.Join(defined, ", ")
	}
	c.add(key, value, rule)
}

func (c *checker) positive(key string, d time.Duration) {
	if d <= 0 {
		c.add(key, d.String(), "a duration must be more than 0")
	}
}

func (c *checker) lasts(key string, d, low, high time.Duration) {
	if d < low || d > high {
		c.add(key, d.String(), "must be from "+low.String()+" to "+high.String())
	}
}

func (c *checker) between(key string, n, low, high int) bool {
	if n < low || n > high {
		c.add(key, strconv.Itoa(n), "must be from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
		return false
	}
	return true
}

// text judges a text that ends up in a configuration line of Asterisk.
func (c *checker) text(key, value string) {
	if len(value) > maxText || strings.ContainsFunc(value, isControl) || strings.ContainsAny(value, "\"'`;[]{}<>\\$") {
		c.add(key, value, ruleText)
	}
}

func (c *checker) path(key, value string) {
	if value == "" || strings.ContainsFunc(value, isControl) {
		c.add(key, value, "write the path of a file or directory")
	}
}

// hostPort judges host:port; host says which hosts are right, and rule is told otherwise.
func (c *checker) hostPort(key, value string, lowest int, host func(string) bool, rule string) {
	name, portText, err := net.SplitHostPort(value)
	if err != nil {
		c.add(key, value, ruleHostPort)
		return
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < lowest || port > maxPort {
		c.add(key, value, ruleHostPort+", with a port from "+strconv.Itoa(lowest)+" to "+strconv.Itoa(maxPort))
		return
	}
	if !host(name) {
		c.add(key, value, rule)
	}
}

func isAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == ""
}

// isHost accepts an address or a host name. A name of digits and dots alone is a mistyped address.
func (c *checker) isHost(host string) bool {
	return isAddress(host) || c.is.hostname.MatchString(host) && strings.Trim(host, "0123456789.") != ""
}

func isNet(text string) bool {
	_, err := netip.ParsePrefix(text)
	return err == nil
}

// isOrigin accepts what a browser sends as Origin: scheme and host, and a port when it is not the usual one.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Host == strings.ToLower(u.Host) &&
		text == u.Scheme+"://"+u.Host
}
