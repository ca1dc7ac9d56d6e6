package config

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"
)

// EventLog is where the feed's events are kept.
type EventLog struct {
	Name string `mapstructure:"name"` // of the feed that sidecars share

	Servers         []string `mapstructure:"servers"` // nats://host:port of an external NATS; none: one inside the daemon
	Token           Secret   `mapstructure:"token"`
	CredentialsFile string   `mapstructure:"credentials_file"`
	CAFile          string   `mapstructure:"ca_file"`
	Replicas        int      `mapstructure:"replicas"`

	KeepFor time.Duration `mapstructure:"keep_for"`
	KeepMB  int           `mapstructure:"keep_mb"`
	Sync    time.Duration `mapstructure:"sync"`   // 0: with every event
	Listen  string        `mapstructure:"listen"` // host:port on this host, empty: none
	SpoolMB int           `mapstructure:"spool_mb"`
}

const (
	maxMB         = 1 << 30 // a petabyte
	maxReplicas   = 5
	minTokenChars = 16
	minKeepFor    = 2 * time.Minute // what NATS knows repeated events by must be kept, see package store/eventlog
)

func defaultEventLog() EventLog {
	return EventLog{
		Name: "sidecar", Servers: []string{}, Replicas: 1, KeepFor: 7 * 24 * time.Hour, KeepMB: 1024,
		Sync: time.Second, SpoolMB: 64,
	}
}

func (c *checker) eventLog() {
	e := &c.cfg.EventLog
	c.name("event_log.name", e.Name)
	for i, server := range e.Servers {
		if !isNATS(server) {
			c.add(indexed("event_log.servers", i), redactedURL(server), "write nats://host:port, or tls://host:port; what the server wants to be shown goes to event_log.token or credentials_file")
		}
	}
	c.between("event_log.replicas", e.Replicas, 1, maxReplicas)
	if e.Replicas%2 == 0 || e.Replicas > 1 && len(e.Servers) == 0 {
		c.add("event_log.replicas", strconv.Itoa(e.Replicas), "must be 1, 3 or 5, and more than 1 needs event_log.servers")
	}
	if e.KeepFor < minKeepFor {
		c.add("event_log.keep_for", e.KeepFor.String(), "must be "+minKeepFor.String()+" or more: for so long, an event that comes twice must be known")
	}
	c.between("event_log.keep_mb", e.KeepMB, 1, maxMB)
	c.between("event_log.spool_mb", e.SpoolMB, 1, maxMB)
	if e.Sync < 0 {
		c.add("event_log.sync", e.Sync.String(), "must be 0s (with every event) or more")
	}
	c.eventLogFile("credentials_file", e.CredentialsFile)
	c.eventLogFile("ca_file", e.CAFile)
	if e.Listen == "" {
		if e.Token != "" && len(e.Servers) == 0 {
			c.add("event_log.token", e.Token.String(), "does nothing by itself: write event_log.servers too, which want to be shown it, or event_log.listen, which asks for it")
		}
		return
	}
	c.hostPort("event_log.listen", e.Listen, 0, isLoopback, "must be an address of this host alone, such as 127.0.0.1:4222")
	switch {
	case len(e.Servers) > 0:
		c.add("event_log.listen", e.Listen, "is for the server inside the sidecar, which is not used with event_log.servers")
	case len(e.Token) < minTokenChars:
		c.add("event_log.token", e.Token.String(), "event_log.listen needs a token of at least "+strconv.Itoa(minTokenChars)+" characters")
	}
}

// eventLogFile judges a file that is for an external NATS. What is wrong with it would else be told by a connection that fails.
func (c *checker) eventLogFile(name, path string) {
	if path == "" {
		return
	}
	if len(c.cfg.EventLog.Servers) == 0 {
		c.add("event_log."+name, path, "does nothing without event_log.servers: write them too, or leave it out")
		return
	}
	_, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err // the path is told already
	}
	if err != nil {
		c.add("event_log."+name, path, "can't be read ("+err.Error()+"): write the path of a file that is there")
	}
}

// isNATS refuses what carries a password: it would end up in logs.
func isNATS(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.User != nil || u.Path != "" || u.RawQuery != "" {
		return false
	}
	host, _, err := net.SplitHostPort(u.Host)
	return err == nil && host != ""
}

func redactedURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return mask
	}
	return u.Redacted()
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
