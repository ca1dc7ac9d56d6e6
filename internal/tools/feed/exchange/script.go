package exchange

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed call.txt
var recorded string

// step is a part of the recorded call: the frames that follow something that the sidecar, or a phone, has done.
type step string

const (
	arrived    step = "arrived"  // the trunk's call
	created    step = "created"  // the agent's channel
	dialled    step = "dialled"  // which rings at once
	answered   step = "answered" // by the agent
	callerUp   step = "caller-up"
	joined     step = "joined"
	hungUp     step = "hung-up" // by the caller
	legGone    step = "leg-gone"
	bridgeGone step = "bridge-gone"
)

// script is the recorded frames of each step.
type script map[step][]string

func readScript() (script, error) {
	s := script{}
	var at step
	for line := range strings.Lines(recorded) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "# "); ok {
			at = step(name)
			continue
		}
		s[at] = append(s[at], line)
	}
	for _, name := range []step{arrived, created, dialled, answered, callerUp, joined, hungUp, legGone, bridgeGone} {
		if len(s[name]) == 0 {
			return nil, fmt.Errorf("%w: %s", errScript, name)
		}
	}
	return s, nil
}

// stamp is how Asterisk writes the time.
func stamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000-0700") }
