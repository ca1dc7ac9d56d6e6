package ari

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// Major is the Asterisk major version this package is made for.
const Major = "22"

// greet makes sure that this is an Asterisk we can work with and that our
// subscriptions stand, before anybody hears of the connection. Frames that
// arrive meanwhile are returned.
func (c *Client) greet(ctx context.Context, l *link) (*Connected, [][]byte, error) {
	var t transport = c.http
	direct := &directTransport{link: l, limit: c.cfg.QueueSize}
	if c.cfg.RESTOver == OverSocket {
		t = direct
	}
	info, err := callOver[AsteriskInfo](ctx, t, c.cfg.Timeout, newRequest("asterisk.getInfo", http.MethodGet, "asterisk", "info"))
	if err != nil {
		return nil, nil, err
	}
	hello, err := c.hello(info)
	if err != nil {
		return nil, nil, err
	}
	if len(c.cfg.EventSources) > 0 {
		r := newRequest("applications.subscribe", http.MethodPost, "applications", c.cfg.App, "subscription")
		ApplicationSubscribeParams{EventSource: c.cfg.EventSources}.put(r)
		if _, err := sendOver(ctx, t, c.cfg.Timeout, r); err != nil {
			return nil, nil, fmt.Errorf("subscribing %v: %w", c.cfg.EventSources, err)
		}
	}
	if len(c.cfg.Ignore) > 0 {
		r := newRequest("applications.filter", http.MethodPut, "applications", c.cfg.App, "eventFilter")
		ApplicationFilterParams{Filter: DisallowEvents(c.cfg.Ignore...)}.put(r)
		if _, err := sendOver(ctx, t, c.cfg.Timeout, r); err != nil {
			c.log.Warn("asterisk sends events that nobody wants", "types", c.cfg.Ignore, "error", err) // which is dear, and nothing worse
		}
	}
	return hello, direct.early, nil
}

func (c *Client) hello(info AsteriskInfo) (*Connected, error) {
	version := ""
	if info.System != nil {
		version = info.System.Version
	}
	if err := CheckVersion(version); err != nil {
		return nil, err
	}
	hello := &Connected{
		Header:  Header{Application: c.cfg.App, Timestamp: Time{time.Now()}},
		Version: version,
	}
	if info.Status != nil {
		hello.StartedAt = info.Status.StartupTime.Time
	}
	hello.Restarted = !c.startedAt.IsZero() && !c.startedAt.Equal(hello.StartedAt)
	c.startedAt = hello.StartedAt
	return hello, nil
}

// CheckVersion refuses versions of another major than Major with
// ErrUnsupportedVersion. Prefixes as in GIT-22-abc or certified-22.8 are fine.
func CheckVersion(version string) error {
	if got := regexp.MustCompile(`\d+`).FindString(version); got != Major {
		return fmt.Errorf("%w: it is %q, need %s", ErrUnsupportedVersion, version, Major)
	}
	return nil
}
