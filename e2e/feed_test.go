//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
	judge "sidecar/internal/testkit/schema"
)

// listener is a desktop: a published CometD client of some generation, run by Node.
type listener struct {
	t      *testing.T
	name   string
	schema *judge.Parts // of what the sidecar says of its events
	mu     sync.Mutex
	events []cti.Event // of /user/agent/events, without the snapshot
	states []cti.Event // of /call/state
	steps  []string    // of the session's life
	seen   map[string]bool
}

// listen starts a client of generation 3, 5 or 9 as user, and returns when it has subscribed. It polls unless the arguments
// for node/listen.mjs say otherwise.
func (s *system) listen(generation int, user string, args ...string) *listener {
	s.t.Helper()
	l := &listener{t: s.t, name: fmt.Sprintf("cometd %d as %s", generation, user), schema: judge.ClosedParts(s.t, s.schemaOfEvents()), seen: map[string]bool{}}
	args = append([]string{
		"node/listen.mjs", "--client", fmt.Sprint(generation), "--url", "http://" + s.http + "/cometd",
		"--token", s.token(user), "--channels", "/user/agent/events,/call/state",
	}, args...)
	s.node(l.read, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		s.t.Logf("%s: %q\n%s", l.name, l.steps, strings.Join(l.linesLocked(), "\n"))
	}, args...)
	s.eventually(l.name+" has subscribed", func() bool { return l.lived("subscribed") == 2 })
	return l
}

// node runs a script of ours with a published client in it, which ends with its standard input. read gets what it prints,
// and failed is called when the test has failed.
func (s *system) node(read func(*bufio.Scanner), failed func(), args ...string) io.Writer {
	s.t.Helper()
	cmd := exec.Command("node", args...)
	stdin, err := cmd.StdinPipe()
	require.NoError(s.t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	cmd.Stderr = s.log
	require.NoError(s.t, cmd.Start(), "node is installed and npm ci --prefix e2e/node was run")
	var reading sync.WaitGroup
	reading.Go(func() { read(bufio.NewScanner(stdout)) })
	s.t.Cleanup(func() {
		_ = stdin.Close()
		reading.Wait()
		_ = cmd.Wait()
		if s.t.Failed() {
			failed()
		}
	})
	return stdin
}

func (l *listener) read(lines *bufio.Scanner) {
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Lifecycle  string
			Successful bool
			Channel    string
			Data       json.RawMessage
		}
		var e cti.Event
		err := json.Unmarshal(lines.Bytes(), &line)
		if err == nil && line.Lifecycle == "" {
			if err = json.Unmarshal(line.Data, &e); err == nil {
				err = l.schema.Check(e.MessageType, line.Data)
			}
		}
		if err != nil {
			l.t.Errorf("%s: %v: %s", l.name, err, lines.Bytes())
			return
		}
		l.take(line.Lifecycle, line.Channel, e)
	}
}

// take keeps an event once: consumers drop an id that they have seen.
func (l *listener) take(step, channel string, e cti.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case step != "":
		l.steps = append(l.steps, step)
	case l.seen[channel+e.ID] || e.Snapshot:
	case e.Call != nil && terminal(e) && !l.knows(e): // the end of a call before its time
	case channel == "/user/agent/events":
		l.events = append(l.events, e)
	default:
		l.states = append(l.states, e)
	}
	if step == "" {
		l.seen[channel+e.ID] = true
	}
}

func terminal(e cti.Event) bool { return e.Name == "Released" || e.Name == "Abandoned" }

// knows reports whether the client has seen the call at that DN.
func (l *listener) knows(e cti.Event) bool {
	return slices.ContainsFunc(append(l.events, l.states...), func(old cti.Event) bool {
		return old.Call != nil && old.Call.ConnID == e.Call.ConnID && old.DN == e.DN
	})
}

func (l *listener) lived(step string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, s := range l.steps {
		if s == step {
			n++
		}
	}
	return n
}

// back waits until the client has subscribed for the nth time.
func (l *listener) back(n int) {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("%s has subscribed for the %d. time", l.name, n), func() bool { return l.lived("subscribed") >= 2*n })
}

// lines are the call events so far, as the reference writes them.
func (l *listener) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.linesLocked()
}

func (l *listener) linesLocked() []string {
	var list []string
	liner := cti.Liner{}
	for _, e := range l.events {
		if e.Call != nil {
			list = append(list, liner.Line(e))
		}
	}
	return list
}

// wait returns the lines once there are n, and requires that they are the wanted ones.
func (l *listener) want(lines ...string) {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("%s sees %d events", l.name, len(lines)), func() bool { return len(l.lines()) >= len(lines) })
	require.Equal(l.t, lines, l.lines(), l.name)
}

// wantBut is want for a client that may also have seen an event, once, that begins like that.
func (l *listener) wantBut(begin string, lines ...string) {
	l.t.Helper()
	rest := func() []string {
		list := l.lines()
		if i := slices.IndexFunc(list, func(line string) bool { return strings.HasPrefix(line, begin) }); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
		return list
	}
	eventually(l.t, fmt.Sprintf("%s sees %d events", l.name, len(lines)), func() bool { return len(rest()) >= len(lines) })
	require.Equal(l.t, lines, rest(), l.name)
}

// saw waits for an event of a DN.
func (l *listener) saw(dn, event string) {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("%s sees %s of %s", l.name, event, dn), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, e := range l.events {
			if string(e.DN) == dn && e.Name == event {
				return true
			}
		}
		return false
	})
}
