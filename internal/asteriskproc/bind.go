package asteriskproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// readyLine is the last thing that Asterisk logs of its start: what went wrong before is in the log by then.
const readyLine = "Asterisk Ready."

// CheckBound returns [ErrBind] with every address that Asterisk could not take when it started. Asterisk itself goes on
// without its web server or its SIP transport, and then nobody reaches it.
func (i *Instance) CheckBound(ctx context.Context) error {
	i.life.Lock()
	defer i.life.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, i.timeout, ErrNotReady)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		text := i.logOfRun()
		if strings.Contains(text, readyLine) {
			return bindErrors(text, i.transports())
		}
		select {
		case <-i.current().done:
			return fmt.Errorf("%w while it started: %s", ErrExited, i.current().state())
		case <-ctx.Done():
			return fmt.Errorf("wait for %q in asterisk's log: %w", readyLine, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// logOfRun is the part of the log that the present run wrote.
func (i *Instance) logOfRun() string {
	full, _ := os.ReadFile(i.lay.fullLog()) // absent before the start got far enough
	if int64(len(full)) < i.logStart {
		return string(full) // somebody emptied it
	}
	return string(full[i.logStart:])
}

// bindErrors reads the two messages that Asterisk 22 has for an address that it can't take: main/tcptls.c for its web
// server, res_pjsip/config_transport.c for SIP. The latter names no address, so it comes from the configuration.
func bindErrors(text string, transports map[string]string) error {
	web := regexp.MustCompile(`Unable to bind http server to (\S+): (.+)`)
	sip := regexp.MustCompile(`Transport '([^']+)' could not be started: (.+)`)
	var all []error
	for line := range strings.Lines(text) {
		if m := web.FindStringSubmatch(line); m != nil {
			all = append(all, fmt.Errorf("%w %s for its web server: %s", ErrBind, m[1], m[2]))
		}
		if m := sip.FindStringSubmatch(line); m != nil {
			all = append(all, fmt.Errorf("%w %s for SIP (%s): %s", ErrBind, transports[m[1]], m[1], m[2]))
		}
	}
	return errors.Join(all...)
}

// transports gives the address that each SIP transport of the configuration binds.
func (i *Instance) transports() map[string]string {
	text, _ := os.ReadFile(filepath.Join(i.lay.conf, "pjsip.conf")) // without one there is no transport
	addresses, section := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section, _, _ = strings.Cut(name, "]")
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "bind" {
			addresses[section] = strings.TrimSpace(strings.TrimPrefix(value, ">"))
		}
	}
	return addresses
}
