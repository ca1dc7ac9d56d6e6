//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"sidecar/cti/gws"
)

// logged is a message of the stream in NATS, read as docs/event-log.md says other programs may.
type logged struct {
	seq       uint64
	id        string
	agent     bool // addressed to a DN
	audience  []string
	event, dn string
	call      string // its id
}

func (p *proof) stream() (jetstream.Stream, *nats.Conn) {
	p.t.Helper()
	conn, err := nats.Connect("nats://"+p.nats, nats.Token(proofToken))
	if err != nil {
		return nil, nil // it is being started anew
	}
	js, err := jetstream.New(conn)
	require.NoError(p.t, err)
	stream, err := js.Stream(soon(p.t), "sidecar-events")
	if err != nil {
		conn.Close()
		return nil, nil
	}
	return stream, conn
}

// appended counts the events since the calls began; 0 if the log does not answer.
func (p *proof) appended() int {
	stream, conn := p.stream()
	if stream == nil {
		return 0
	}
	defer conn.Close()
	return int(stream.CachedInfo().State.LastSeq - p.first)
}

// log reads the stream after a number.
func (p *proof) log(after uint64) (all []logged, epoch string) {
	p.t.Helper()
	stream, conn := p.stream()
	require.NotNil(p.t, stream, "the event log answers")
	defer conn.Close()
	info := stream.CachedInfo()
	consumer, err := stream.OrderedConsumer(p.t.Context(), jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	require.NoError(p.t, err)
	known := map[string]bool{}
	for at := after; at < info.State.LastSeq; {
		m, err := consumer.Next(jetstream.FetchMaxWait(patience))
		require.NoError(p.t, err)
		meta, err := m.Metadata()
		require.NoError(p.t, err)
		require.Equal(p.t, at+1, meta.Sequence.Stream, "the stream has no hole")
		at++
		var e struct {
			Event, DN string
			Call      struct{ ID string }
		}
		require.NoError(p.t, json.Unmarshal(m.Data(), &e))
		kind := strings.Split(m.Subject(), ".")[3]
		require.Contains(p.t, []string{"agent", "call"}, kind, "nothing was lost")
		id := m.Headers().Get(nats.MsgIdHdr)
		require.False(p.t, known[id], "%s is stored once", id)
		known[id] = true
		all = append(all, logged{
			seq: at, id: id, agent: kind == "agent", event: e.Event, dn: e.DN, call: e.Call.ID,
			audience: strings.Split(m.Headers().Get("Sidecar-Audience"), ","),
		})
	}
	return all, info.Config.Metadata["sidecar-epoch"]
}

// compare requires of every desk that it sees what the stream has for it.
func (p *proof) compare(log []logged) {
	p.t.Helper()
	for _, d := range p.desks {
		want := map[string][]string{}
		for i := range log {
			m := &log[i]
			if !slices.ContainsFunc(m.audience, d.sees) {
				continue
			}
			channel := d.channels()[0]
			if channel == gws.ChannelAgentEvents && !m.agent {
				channel = gws.ChannelCallState
			}
			want[channel] = append(want[channel], m.id)
		}
		for _, channel := range d.channels() {
			for end := time.Now().Add(patience); len(d.saw(channel)) < len(want[channel]) && time.Now().Before(end) && !p.t.Failed(); {
				away(p.t.Context(), tick)
			}
			requireSame(p.t, fmt.Sprintf("%s, %s %s", d.name, d.transport, channel), want[channel], d.saw(channel))
			d.compared += len(want[channel])
		}
	}
}

// report is for when the desks have gone.
func (p *proof) report(log []logged) {
	p.t.Helper()
	var sum desk
	for _, d := range p.desks {
		sum.compared += d.compared
		sum.lives += d.lives
		sum.resumed += d.resumed
		sum.anew += d.anew
		sum.repeats += d.repeats
	}
	p.t.Logf("%d events of %d calls in the log; %d sessions saw %d; %d kills, %d connections lost; %d times a session went on, %d times one began with a cursor; %d events came twice",
		len(log), p.made.Load(), len(p.desks), sum.compared, p.kills, sum.lives, sum.resumed, sum.anew, sum.repeats)
}

// wholeLog reads the stream when the ends of all calls are in it, or have had the time for that: on a starved machine the appender is
// some seconds behind the calls.
func (p *proof) wholeLog() (log []logged) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; away(p.t.Context(), 10*tick) {
		log, _ = p.log(p.first)
		if len(unended(log)) == 0 || time.Now().After(end) {
			return log
		}
	}
}

// unended is what was told last of each DN and call that has not ended there.
func unended(log []logged) map[string]string {
	open := map[string]string{}
	for _, m := range log {
		switch at := m.dn + " in " + m.call; {
		case m.call == "", !m.agent, m.event == "Error": // a command may fail because the call has ended
		case m.event == "Released", m.event == "Abandoned":
			delete(open, at)
		default:
			open[at] = m.event
		}
	}
	return open
}

// wholeCalls requires that the events of a call are in the log in the engine's order, and that whatever began at a DN has
// ended there.
func (p *proof) wholeCalls(log []logged) {
	p.t.Helper()
	last := map[string]int{}
	for _, m := range log {
		if m.call == "" {
			continue
		}
		i := strings.LastIndexByte(m.id, '-')
		n, err := strconv.Atoi(m.id[i+1:])
		require.NoError(p.t, err, m.id)
		require.Greater(p.t, n, last[m.id[:i]], "%s comes in its turn", m.id)
		last[m.id[:i]] = n
	}
	for at := range unended(log) {
		require.Fail(p.t, "a call has not ended", "%s: %s", at, story(log, at))
	}
}

// story is what the log has of the call that a DN was in.
func story(log []logged, at string) string {
	var lines []string
	for _, m := range log {
		if m.call != "" && strings.HasSuffix(at, m.call) {
			lines = append(lines, fmt.Sprintf("%d %s %s %s", m.seq, m.id, m.dn, m.event))
		}
	}
	return strings.Join(lines, ", ")
}

// requireSame says where two lists part.
func requireSame(t *testing.T, what string, want, got []string) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			around := func(list []string) []string { return list[min(max(i-3, 0), len(list)):min(i+4, len(list))] }
			require.FailNow(t, "the view is not the log's", "%s: %d events of %d; from number %d the log has %q, and seen was %q",
				what, len(got), len(want), max(i-3, 0), around(want), around(got))
		}
	}
}
