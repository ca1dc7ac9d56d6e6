//go:build e2e

package ariswitch_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/bridge/ariswitch"
	"sidecar/internal/backoff"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

const livePassword = "a-password-only-tests-know"

// The parties and the tones they speak.
const (
	customer   = "5001"
	agent      = "5002"
	supervisor = "5003"

	customerTone   = 450
	agentTone      = 830
	supervisorTone = 1330
)

// lab is a real Asterisk with three phones and the adapter under test.
type lab struct {
	*asterisk.Instance
	*ariswitch.Switch

	t      *testing.T
	client *ari.Client
	facts  *facts
	phones map[string]*phone.Phone
}

func newLab(t *testing.T, pjsip ...string) *lab {
	t.Helper()
	ports := asterisk.FreeAsteriskPorts(t)
	users := []asterisk.Phone{{User: customer, Password: "secret"}, {User: agent, Password: "secret"}, {User: supervisor, Password: "secret"}}
	conf := asterisk.MinimalConf(t, asterisk.Minimal{Ports: ports, ARIPassword: livePassword, Phones: users})
	if len(pjsip) > 0 {
		path := filepath.Join(conf, "pjsip.conf")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, option := range pjsip {
			text = []byte(strings.ReplaceAll(string(text), "direct_media = no\n", "direct_media = no\n"+option+"\n"))
		}
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
	l := &lab{Instance: asterisk.Start(t, asterisk.Options{ConfDir: conf}), t: t, facts: newFacts(), phones: map[string]*phone.Phone{}}
	require.NoError(t, os.MkdirAll(filepath.Join(l.StateDir(), "spool", "recording"), 0o700)) // as a package's maintainer script
	c, err := ari.Connect(t.Context(), ari.Config{
		Server: "pbx1", URL: ports.ARIURL(), User: asterisk.ARIUser, Password: livePassword, App: asterisk.App,
		EventSources: []string{"endpoint:PJSIP"},
		Backoff:      backoff.Policy{Min: 50 * time.Millisecond, Max: 500 * time.Millisecond}, SlowRetry: 200 * time.Millisecond,
	})
	require.NoError(t, err)
	l.client = c
	feeder := ariswitch.NewFeeder(c, l.facts, l.facts, time.Minute, slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() { defer close(done); feeder.Run(t.Context()) }()
	t.Cleanup(func() { c.Close(); <-done })
	require.NoError(t, c.Ready(t.Context()))
	take(t, l.facts.snaps)
	l.Switch = ariswitch.New([]*ari.Client{c}, func(bridge.DN) bool { return false }, ariswitch.Homes{})
	for i, hz := range []float64{customerTone, agentTone, supervisorTone} {
		p, err := phone.New(t.Context(), phone.Options{
			Server: fmt.Sprintf("127.0.0.1:%d", ports.SIP), User: users[i].User, Password: "secret", Answer: phone.AutoAnswer, Tone: hz,
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = p.Close() })
		require.NoError(t, p.Register(t.Context(), time.Minute))
		l.phones[users[i].User] = p
		l.sees("service " + users[i].User + " true")
	}
	return l
}

// sees waits for a fact, skipping others.
func (l *lab) sees(want string) {
	l.t.Helper()
	var seen []string
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case line := <-l.facts.lines:
			if line == want {
				return
			}
			seen = append(seen, line)
		case <-timer.C:
			require.FailNow(l.t, "no such fact", "%s; came: %q", want, seen)
		}
	}
}

func id(name string) bridge.ChannelID { return bridge.ChannelID{Server: "pbx1", ID: "n1-x." + name} }

func ids(names ...string) []bridge.ChannelID {
	var list []bridge.ChannelID
	for _, name := range names {
		list = append(list, id(name))
	}
	return list
}

// The bridges of the tests: the primary call, a consult call or the supervisor's.
var (
	primary = bridge.BridgeID{Server: "pbx1", ID: "n1-x"}
	second  = bridge.BridgeID{Server: "pbx1", ID: "n1-x.b1"}
)

// call rings a phone, and returns its call, answered.
func (l *lab) call(user string) *phone.Call {
	l.t.Helper()
	ch := id(user)
	require.NoError(l.t, l.Create(l.t.Context(), bridge.NewLeg{Channel: ch, To: bridge.Endpoint{DN: bridge.DN(user)}}))
	l.sees("pbx1 " + ch.ID + " created 0")
	require.NoError(l.t, l.Dial(l.t.Context(), ch, bridge.ChannelID{}, time.Minute))
	l.sees("pbx1 " + ch.ID + " up 0")
	c, err := l.phones[user].WaitCall(l.t.Context())
	require.NoError(l.t, err)
	require.NoError(l.t, c.WaitState(l.t.Context(), phone.Established))
	return c
}

func (l *lab) ctx() context.Context {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	l.t.Cleanup(cancel)
	return ctx
}

func (l *lab) join(to bridge.BridgeID, names ...string) {
	l.t.Helper()
	require.NoError(l.t, l.Join(l.ctx(), to, ids(names...)))
}

func (l *lab) leave(from bridge.BridgeID, names ...string) {
	l.t.Helper()
	require.NoError(l.t, l.Leave(l.ctx(), from, ids(names...)))
}

func (l *lab) snoop(name, of string, hear bridge.SnoopHear, whisper bool) {
	l.t.Helper()
	require.NoError(l.t, l.Snoop(l.ctx(), bridge.NewSnoop{Channel: id(name), Of: id(of), Hear: hear, Whisper: whisper}))
	l.sees("pbx1 " + id(name).ID + " created 0")
}

// hears waits until a phone hears exactly those of the parties, from now on.
func (l *lab) hears(c *phone.Call, tones ...float64) {
	l.t.Helper()
	for _, hz := range []float64{customerTone, agentTone, supervisorTone} {
		if slices.Contains(tones, hz) {
			require.NoError(l.t, c.WaitTone(l.ctx(), hz), "%v Hz is not heard", hz)
		} else {
			require.NoError(l.t, c.WaitNoTone(l.ctx(), hz), "%v Hz is heard", hz)
		}
	}
	if len(tones) == 0 {
		require.NoError(l.t, c.WaitSilence(l.ctx()))
	}
}

// hearsMusic waits until a phone hears something that is none of the parties.
func (l *lab) hearsMusic(c *phone.Call) {
	l.t.Helper()
	for _, hz := range []float64{customerTone, agentTone, supervisorTone} {
		require.NoError(l.t, c.WaitNoTone(l.ctx(), hz))
	}
	require.NoError(l.t, c.WaitSound(l.ctx()))
}
