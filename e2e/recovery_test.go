//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"sidecar/bridge"
	"sidecar/cti"
)

// TestSidecarKilledInTheMiddle kills the sidecar at chosen points of operations, each found by the record that is
// written there, while twenty calls of all kinds are there.
func TestSidecarKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	l := newLoad(t)
	for _, p := range killPoints() {
		l.step(t, p)
	}
	l.finish()
}

// killPoint is an operation, and the record in whose wake the sidecar is killed.
type killPoint struct {
	name string
	do   func(*load)
	at   func(bridge.Interaction) bool
}

// party has one party of the interaction decide.
func party(dn bridge.DN, is func(bridge.Party) bool) func(bridge.Interaction) bool {
	return func(i bridge.Interaction) bool {
		return slices.ContainsFunc(partiesOf(i), func(p bridge.Party) bool { return p.DN == dn && is(p) })
	}
}

func leg(dn bridge.DN, states ...bridge.LegState) func(bridge.Interaction) bool {
	return party(dn, func(p bridge.Party) bool { return slices.Contains(states, p.Leg.State) })
}

func state(dn bridge.DN, states ...bridge.PartyState) func(bridge.Interaction) bool {
	return party(dn, func(p bridge.Party) bool { return slices.Contains(states, p.State) })
}

func killPoints() []killPoint {
	return slices.Concat(callPoints(), consultPoints(), queuePoints(), recordingPoints(), pagePoints())
}

func callPoints() []killPoint {
	call, held := (*load).inbound, func(l *load) { l.inbound(); l.tell("hold", `{"dn":"5023"}`) }
	transfer := func(l *load) { l.inbound(); l.tell("transfer", `{"dn":"5023","to":"5024"}`) }
	conference := func(l *load) { l.inbound(); l.tell("conference", `{"dn":"5023","to":"5024"}`) }
	return []killPoint{
		{"a channel is asked for", call, leg("5023", bridge.LegRequested)},
		{"a channel was made", call, leg("5023", bridge.LegCreated, bridge.LegDialed)},
		{"it rings", call, state("5023", bridge.PartyRinging)},
		{"it is answered", call, leg("5023", bridge.LegUp)},
		{"it is established", call, state("5023", bridge.PartyEstablished)},
		{"hold", held, state("5023", bridge.PartyHeld)},
		{"retrieve", func(l *load) { held(l); l.tell("retrieve", `{"dn":"5023"}`) }, after(state("5023", bridge.PartyHeld), state("5023", bridge.PartyEstablished))},
		{"a transfer begins", transfer, func(i bridge.Interaction) bool { return i.Call.Transfer != nil }},
		{"a transfer is committed", transfer, func(i bridge.Interaction) bool { return i.Call.Transfer != nil && i.Call.Transfer.Committed }},
		{"a transfer is over", transfer, state("5024", bridge.PartyEstablished)},
		{"a member is called", conference, state("5024", bridge.PartyAlerting)},
		{"the owner leaves", func(l *load) { conference(l); l.whenUp("5024"); l.tell("release", `{"dn":"5023"}`) }, state("5023", bridge.PartyReleased)},
		{"a click-to-dial", func(l *load) { l.post("/calls", `{"from":"5023","to":"5024"}`) }, leg("5023", bridge.LegUp)},
		{"hang-up", func(l *load) { l.inbound(); l.tell("hangup", `{}`) }, leg("5023", bridge.LegLeaving)},
	}
}

func consultPoints() []killPoint {
	consulting := func(then func(bridge.Interaction) bool) func(bridge.Interaction) bool {
		return func(i bridge.Interaction) bool { return len(i.Consults) > 0 && then(i) }
	}
	consult := func(l *load) { l.inbound(); l.tell("consult", `{"dn":"5023","to":"5024"}`) }
	then := func(do func(*load), verb string) func(*load) {
		return func(l *load) { do(l); l.whenUp("5024"); l.tell(verb, `{"dn":"5023"}`) }
	}
	return []killPoint{
		{"a consultation begins", consult, consulting(state("5024", bridge.PartyAlerting))},
		{"the consulted rings", consult, consulting(state("5024", bridge.PartyRinging))},
		{"the consulted talks", consult, consulting(state("5024", bridge.PartyEstablished))},
		{"alternate", then(consult, "alternate"), consulting(func(i bridge.Interaction) bool {
			return slices.ContainsFunc(i.Consults[0].Parties, func(p bridge.Party) bool { return p.DN == "5023" && p.State == bridge.PartyHeld })
		})},
		{"reconnect", then(consult, "reconnect"), consulting(state("5024", bridge.PartyReleased))},
		{"a consultation is completed", then(consult, "complete-transfer"), consulting(state("5023", bridge.PartyReleased))},
		{"a conference is completed", then(consult, "complete-conference"), consulting(func(i bridge.Interaction) bool { return len(i.Call.Parties) == 3 })},
	}
}

func queuePoints() []killPoint {
	waits := func(i bridge.Interaction) bool { return i.Call.Queue != nil && i.Call.Queue.Offer == 0 }
	offered := func(i bridge.Interaction) bool { return i.Call.Queue != nil && i.Call.Queue.Offer != 0 }
	offer := func(l *load) { l.offered("8102", "5026") }
	return []killPoint{
		{"a call waits", func(l *load) { l.dialled("8100") }, waits},
		{"it is offered", offer, offered},
		{"the offer rings", offer, state("5026", bridge.PartyRinging)},
		{"the offer is taken", offer, func(i bridge.Interaction) bool { return i.Call.From != nil }},
		{"nobody takes the offer", func(l *load) { l.offered("8103", "5027") }, after(offered, waits)},
		{"a waiting call is routed", (*load).routed, func(i bridge.Interaction) bool { return i.Call.Queue != nil && i.Call.Queue.Routed }},
		{"where it is routed to answers", (*load).routed, leg("5023", bridge.LegUp)},
	}
}

func recordingPoints() []killPoint {
	recording := func(is func(bridge.Recording) bool) func(bridge.Interaction) bool {
		return func(i bridge.Interaction) bool { return slices.ContainsFunc(i.Call.Recordings, is) }
	}
	record := func(l *load) { l.inbound(); l.tell("recording/start", `{"dn":"5023"}`) }
	then := func(verb string) func(*load) {
		return func(l *load) { record(l); l.tell(verb, `{"dn":"5023"}`) }
	}
	ended := recording(func(r bridge.Recording) bool { return r.State == bridge.RecordingStopped })
	return []killPoint{
		{"a recording is asked for", record, recording(func(r bridge.Recording) bool { return r.Says.Leg.State == bridge.LegRequested })},
		{"it is being recorded", record, recording(func(r bridge.Recording) bool { return r.Hears.Leg.State == bridge.LegUp })},
		{"a recording is paused", then("recording/pause"), recording(func(r bridge.Recording) bool { return r.State == bridge.RecordingPaused })},
		{"a recording is stopped", then("recording/stop"), ended},
		{"a recorded call ends", then("hangup"), ended},
		{"a recording is handed over", then("recording/stop"), recording(func(r bridge.Recording) bool { return r.Told })},
	}
}

func pagePoints() []killPoint {
	calledAgain := party("5034", func(p bridge.Party) bool { return !p.Again.Until.IsZero() && p.Leg.State == bridge.LegDialed })
	held := func(l *load) { l.atPage(); l.tellOf("5034", "hold", `{"dn":"5034"}`) }
	return []killPoint{
		{"a page rings", (*load).atPage, state("5034", bridge.PartyRinging)},
		{"a page is told to answer", (*load).atPage, party("5034", func(p bridge.Party) bool { return p.Asked.Verb != "" })},
		{"a page answers", (*load).atPage, leg("5034", bridge.LegUp)},
		{"a page's call is held", held, state("5034", bridge.PartyHeld)},
		{"a page is called again", (*load).again, calledAgain},
		{"a page is back", (*load).again, after(calledAgain, party("5034", func(p bridge.Party) bool { return p.Again.Until.IsZero() }))},
	}
}

// after is second, once first has been seen.
func after(first, second func(bridge.Interaction) bool) func(bridge.Interaction) bool {
	seen := false
	return func(i bridge.Interaction) bool {
		seen = seen || first(i)
		return seen && second(i)
	}
}

// step does an operation, kills the sidecar at its point, and looks at what the next one makes of it.
func (l *load) step(t *testing.T, p killPoint) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	found := make(chan bool, 1)
	l.mu.Lock()
	l.killed = false
	l.mu.Unlock()
	records := l.openRecords()
	var watching sync.WaitGroup
	watching.Go(func() { found <- l.killAt(ctx, records, p.at) })
	p.do(l)
	killed := <-found
	cancel()
	watching.Wait()
	if !killed {
		l.killSidecar() // the operation had fewer records
	} else {
		_ = l.taken().Wait()
	}
	l.note(records, func(bridge.Interaction) bool { return false }) // those of its last moment
	_ = records.file.Close()
	l.startSidecar()
	l.waitReady()
	l.check(p.name)
	l.tidy(p.name)
	t.Logf("%s: killed there %t, %v", p.name, killed, time.Since(began).Round(100*time.Millisecond))
}

func (l *load) journalPath() string { return filepath.Join(l.dir, "var", "calls.journal") }

// records reads the journal as it is written.
type records struct {
	path string
	file *os.File
	rest []byte
}

// openRecords is at the end of what has been written.
func (l *load) openRecords() *records {
	l.t.Helper()
	r := &records{path: l.journalPath()}
	var err error
	r.file, err = os.Open(r.path)
	require.NoError(l.t, err)
	_, err = r.file.Seek(0, io.SeekEnd)
	require.NoError(l.t, err)
	return r
}

// next is the next record, if it has been written.
func (r *records) next() (i bridge.Interaction, ok bool) {
	for range 2 {
		line, more, whole := bytes.Cut(r.rest, []byte("\n"))
		if whole {
			r.rest = more
			var e struct{ Record bridge.Interaction }
			_ = json.Unmarshal(line, &e) // what ends a call is none
			return e.Record, true
		}
		buffer := make([]byte, 1<<16)
		n, _ := r.file.Read(buffer)
		r.rest = append(r.rest, buffer[:n]...)
	}
	return i, false
}

// follow turns to the file that a restarted sidecar has put in the place of the old one.
func (r *records) follow() {
	old, err := r.file.Stat()
	now, errNow := os.Stat(r.path)
	if err != nil || errNow != nil || os.SameFile(old, now) {
		return
	}
	if file, err := os.Open(r.path); err == nil {
		_ = r.file.Close()
		r.file, r.rest = file, nil
	}
}

// note goes through the records of the operation's calls, until one is the wanted one. It reports whether there were any,
// and whether it was among them.
func (l *load) note(r *records, wanted func(bridge.Interaction) bool) (some, found bool) {
	for i, ok := r.next(); ok; i, ok = r.next() {
		if i.ID == "" || l.own[string(i.ID)] {
			continue
		}
		some = true
		for _, c := range callsOf(i) {
			if len(c.Recordings) > 0 {
				l.segments[string(c.ID)] = max(l.segments[string(c.ID)], len(c.Recordings))
			}
		}
		if wanted(i) {
			return true, true
		}
	}
	return some, false
}

// killAt reads records as they are written, and kills the sidecar at the wanted one of the operation.
func (l *load) killAt(ctx context.Context, r *records, at func(bridge.Interaction) bool) bool {
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for idle := 0; idle < 3000; idle++ { // ms without a record: the operation is over
		some, found := l.note(r, at)
		if found && l.kill() {
			return true
		}
		if some {
			idle = 0
		}
		if idle%64 == 63 {
			r.follow()
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// check holds what Asterisk has against what the sidecar knows, and both against what there was before.
func (l *load) check(name string) {
	l.t.Helper()
	var wrong []string
	defer func() {
		if l.t.Failed() {
			l.t.Logf("%s: %s", name, strings.Join(wrong, "; "))
		}
	}()
	l.eventually(name+": Asterisk has what the calls have", func() bool {
		wrong = l.differences()
		return len(wrong) == 0
	})
	now := map[string]call{}
	for _, c := range l.calls("supervisor") {
		now[c.ID] = c
	}
	for id, before := range l.base.calls {
		require.Contains(l.t, now, id, "%s: %v is lost", name, before)
		require.Equal(l.t, before, now[id], name)
	}
	l.eventually(name+": the same calls wait as before", func() bool {
		first := l.firstQueued()
		wrong = []string{fmt.Sprintf("%v instead of %v", first, l.base.queued)}
		return maps.Equal(first, l.base.queued)
	})
	require.Equal(l.t, l.base.agent, l.agentOf("5020"), name)
	for _, dn := range l.recorded {
		id, _ := l.look(dn, "Established")
		require.Equal(l.t, "Recording", l.recordingState(id), "%s: %s", name, dn)
	}
	l.eventually(name+": all pages are back", func() bool {
		wrong = l.away()
		return len(wrong) == 0
	})
	l.listenAll(name)
}

// away are the load's DNs whose pages are not back in their calls.
func (l *load) away() (dns []string) {
	l.t.Helper()
	var list struct {
		Calls []struct {
			Parties []struct {
				DN        string
				MediaLost bool
			}
		}
	}
	l.as("supervisor", http.MethodGet, "/api/v1/calls", nil).want(http.StatusOK).into(&list)
	for _, c := range list.Calls {
		for _, p := range c.Parties {
			if p.MediaLost {
				dns = append(dns, p.DN+" is not back")
			}
		}
	}
	return dns
}

// listenAll requires that all hear whom they talk to, and who waits hears music.
func (l *load) listenAll(name string) {
	l.t.Helper()
	ctx := soon(l.t)
	var group errgroup.Group
	for _, c := range l.music {
		group.Go(func() error { return c.WaitSound(ctx) })
	}
	for _, p := range l.pairs {
		for k, who := range p {
			group.Go(func() error { return who.ear.WaitTone(ctx, p[1-k].tone) })
		}
	}
	require.NoError(l.t, group.Wait(), name)
}

// differences are channels and bridges that only one of the two knows, and calls that only the journal or REST knows.
func (l *load) differences() []string {
	channels, bridges, calls := map[string]bool{}, map[string]bool{}, map[string]bool{}
	empty := map[string]bool{} // bridges that were asked for, and may not have come to be: nobody was joined
	for _, i := range l.journal() {
		for _, c := range callsOf(i) {
			if c.Bridged && !c.Done {
				joined := slices.ContainsFunc(c.Parties, func(p bridge.Party) bool { return p.Leg.Joined && p.Leg.State != bridge.LegGone })
				bridges[c.Bridge.ID], empty[c.Bridge.ID] = joined, !joined
			}
			if c.EndedAt.IsZero() && slices.ContainsFunc(c.Parties, func(p bridge.Party) bool { return p.DN != "" && p.State != bridge.PartyReleased }) { // who only waits is shown to nobody
				calls[string(c.ID)] = true
			}
			for _, p := range c.Parties {
				if p.Leg.Channel.ID != "" && p.Leg.State != bridge.LegGone && p.Leg.State != bridge.LegNone {
					channels[p.Leg.Channel.ID] = true
				}
			}
			for _, r := range c.Recordings {
				for _, side := range []bridge.RecordedSide{r.Says, r.Hears} {
					if side.Leg.State != bridge.LegGone {
						channels[side.Leg.Channel.ID] = true
					}
				}
			}
		}
	}
	there, mixed, shown := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(l.pbx.RequireCLI("core show channels concise")) {
		if fields := strings.Split(strings.TrimSpace(line), "!"); len(fields) > 5 && (strings.HasPrefix(line, "PJSIP/") || strings.HasPrefix(line, "Snoop/")) { // music has channels of its own
			there[fields[len(fields)-1]] = true
		}
	}
	for n, line := range strings.Split(l.pbx.RequireCLI("bridge show all"), "\n") {
		if fields := strings.Fields(line); n > 0 && len(fields) > 0 {
			mixed[fields[0]] = true
		}
	}
	for _, c := range l.calls("supervisor") {
		shown[c.ID] = true
	}
	maps.DeleteFunc(mixed, func(id string, _ bool) bool { return empty[id] })
	maps.DeleteFunc(bridges, func(_ string, needed bool) bool { return !needed })
	return slices.Concat(differ("channel", channels, there), differ("bridge", bridges, mixed), differ("call", calls, shown))
}

func differ(what string, known, there map[string]bool) (list []string) {
	for id := range known {
		if !there[id] {
			list = append(list, what+" "+id+" is not there")
		}
	}
	for id := range there {
		if !known[id] {
			list = append(list, what+" "+id+" is nobody's")
		}
	}
	return list
}

// journal is what the journal holds now.
func (l *load) journal() map[string]bridge.Interaction {
	l.t.Helper()
	text, err := os.ReadFile(l.journalPath())
	require.NoError(l.t, err)
	list := map[string]bridge.Interaction{}
	for line := range bytes.Lines(text) {
		var e struct {
			Key    string
			Record *bridge.Interaction
		}
		if json.Unmarshal(line, &e) != nil { // it is being written
			continue
		}
		if e.Record == nil {
			delete(list, e.Key)
		} else {
			list[e.Key] = *e.Record
		}
	}
	return list
}

// tidy ends the calls of the operation: of them nothing is left but what was recorded, once.
func (l *load) tidy(name string) {
	l.t.Helper()
	var left string
	defer func() {
		if l.t.Failed() {
			l.t.Log(left)
		}
	}()
	l.eventually(name+": only the load is left", func() bool {
		list := l.calls("supervisor")
		for _, c := range list {
			if _, stays := l.base.calls[c.ID]; !stays {
				l.as("supervisor", http.MethodPost, "/api/v1/calls/"+c.ID+"/hangup", nil)
			}
		}
		for _, c := range l.customer.Calls() {
			if !l.stays[c] {
				_ = c.Hangup(soon(l.t))
			}
		}
		legs := l.legs()
		left = fmt.Sprintf("%d calls, %d records, legs %v", len(list), len(l.journal()), legs)
		return len(list) == len(l.base.calls) && len(l.journal()) == len(l.own) && maps.Equal(legs, l.base.legs)
	})
	for id, n := range l.segments {
		l.stored(id, n)
	}
	clear(l.segments)
	l.eventually(name+": Asterisk has no file of a recording that is over", func() bool { return l.recordingFiles() == 2*len(l.recorded) })
}

// stored waits until so many recordings of a call are kept; what was killed before it began to be written may be without sound.
func (l *load) stored(call string, n int) {
	l.t.Helper()
	var list struct{ Recordings []recorded }
	l.eventually(fmt.Sprintf("%d recordings of %s are kept", n, call), func() bool {
		list.Recordings = nil
		l.as("supervisor", http.MethodGet, "/api/v1/recordings?call="+call, nil).want(http.StatusOK).into(&list)
		return len(list.Recordings) >= n
	})
	require.Len(l.t, list.Recordings, n, "%s: %+v", call, list)
}

// finish ends everything. Each DN of the load sees one end of each of its calls, and of no call two; what was recorded
// is whole.
func (l *load) finish() {
	l.killSidecar() // once more, idle: from here on the desktop misses nothing
	sessions := l.feed.lived("subscribed")
	l.startSidecar()
	l.waitReady()
	l.eventually("the desktop is back", func() bool { return l.feed.lived("subscribed") >= sessions+2 })
	l.check("idle")
	recordedCalls := map[string]string{}
	for _, dn := range l.recorded {
		recordedCalls[dn], _ = l.look(dn, "Established")
	}
	for id := range l.base.calls {
		l.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil)
	}
	for _, c := range l.waiting {
		require.NoError(l.t, c.Hangup(soon(l.t)))
	}
	l.eventually("all calls are over", func() bool { return len(l.calls("supervisor")) == 0 })
	l.eventually("the journal is empty", func() bool { return len(l.journal()) == 0 })
	for dn, id := range recordedCalls {
		left, right := l.sides(l.recordings(id, 1)[0], toneOf(dn))
		require.Equal(l.t, []float64{customerTone}, left, dn)
		if l.phones[dn] != nil {
			require.Equal(l.t, []float64{toneOf(dn)}, right, dn)
		} else { // while a page is away there is music, of which a moment may pass for a tone
			require.Contains(l.t, right, toneOf(dn), dn)
		}
	}
	l.requireNoLeftovers()
	l.eventually("every DN of the load sees the end", func() bool {
		n := l.seen(terminal)
		for _, c := range l.base.calls {
			for _, p := range c.Parties {
				if p.DN != "" && n[p.DN+" "+c.ConnID] == 0 {
					return false
				}
			}
		}
		return true
	})
	rang := l.seen(func(e cti.Event) bool { return e.Name == "Ringing" }) // for one who is offered a call again
	for who, n := range l.seen(terminal) {
		require.LessOrEqual(l.t, n, max(1, rang[who]), "ends that %s saw", who)
	}
}

// seen counts events that the desktop saw, by DN and call.
func (l *load) seen(which func(cti.Event) bool) map[string]int {
	l.feed.mu.Lock()
	defer l.feed.mu.Unlock()
	n := map[string]int{}
	for _, e := range l.feed.events {
		if e.Call != nil && which(e) {
			n[string(e.DN)+" "+e.Call.ConnID.String()]++
		}
	}
	return n
}
