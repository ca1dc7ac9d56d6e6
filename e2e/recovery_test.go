//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

// load is a mix of calls that outlives the sidecar again and again.
type load struct {
	*system
	customer *phone.Phone
	phones   map[string]*phone.Phone
	pairs    []pair          // who hear each other
	waiting  *phone.Call     // in a queue
	records  int             // of the load in the journal
	base     map[string]call // by id, as they were before the first kill
	feed     *listener
}

type pair struct{ a, b *phone.Call }

// reserved are the DNs on whose calls the sidecar is killed.
func reserved(dn bridge.DN) bool { return dn >= "5023" && dn <= "5025" }

// toneOf is what the phone of a DN sends.
func toneOf(dn string) float64 {
	n, _ := strconv.Atoi(dn)
	return 400 + float64(n-5000)*37
}

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

func killPoints() []killPoint {
	leg := func(dn bridge.DN, states ...bridge.LegState) func(bridge.Interaction) bool {
		return func(i bridge.Interaction) bool {
			return slices.ContainsFunc(partiesOf(i), func(p bridge.Party) bool { return p.DN == dn && slices.Contains(states, p.Leg.State) })
		}
	}
	party := func(dn bridge.DN, states ...bridge.PartyState) func(bridge.Interaction) bool {
		return func(i bridge.Interaction) bool {
			return slices.ContainsFunc(partiesOf(i), func(p bridge.Party) bool { return p.DN == dn && slices.Contains(states, p.State) })
		}
	}
	consulting := func(then func(bridge.Interaction) bool) func(bridge.Interaction) bool {
		return func(i bridge.Interaction) bool { return len(i.Consults) > 0 && then(i) }
	}
	call, held := (*load).inbound, func(l *load) { l.inbound(); l.tell("hold", `{"dn":"5023"}`) }
	consult := func(l *load) { l.inbound(); l.tell("consult", `{"dn":"5023","to":"5024"}`) }
	transfer := func(l *load) { l.inbound(); l.tell("transfer", `{"dn":"5023","to":"5024"}`) }
	then := func(do func(*load), verb string) func(*load) {
		return func(l *load) { do(l); l.whenUp("5024"); l.tell(verb, `{"dn":"5023"}`) }
	}
	conference := func(l *load) { l.inbound(); l.tell("conference", `{"dn":"5023","to":"5024"}`) }
	return []killPoint{
		{"a channel is asked for", call, leg("5023", bridge.LegRequested)},
		{"a channel was made", call, leg("5023", bridge.LegCreated, bridge.LegDialed)},
		{"it rings", call, party("5023", bridge.PartyRinging)},
		{"it is answered", call, leg("5023", bridge.LegUp)},
		{"it is established", call, party("5023", bridge.PartyEstablished)},
		{"hold", held, party("5023", bridge.PartyHeld)},
		{"retrieve", func(l *load) { held(l); l.tell("retrieve", `{"dn":"5023"}`) }, after(party("5023", bridge.PartyHeld), party("5023", bridge.PartyEstablished))},
		{"a consultation begins", consult, consulting(party("5024", bridge.PartyAlerting))},
		{"the consulted rings", consult, consulting(party("5024", bridge.PartyRinging))},
		{"the consulted talks", consult, consulting(party("5024", bridge.PartyEstablished))},
		{"alternate", then(consult, "alternate"), consulting(func(i bridge.Interaction) bool {
			return slices.ContainsFunc(i.Consults[0].Parties, func(p bridge.Party) bool { return p.DN == "5023" && p.State == bridge.PartyHeld })
		})},
		{"reconnect", then(consult, "reconnect"), consulting(party("5024", bridge.PartyReleased))},
		{"a consultation is completed", then(consult, "complete-transfer"), consulting(party("5023", bridge.PartyReleased))},
		{"a conference is completed", then(consult, "complete-conference"), consulting(func(i bridge.Interaction) bool { return len(i.Call.Parties) == 3 })},
		{"a transfer begins", transfer, func(i bridge.Interaction) bool { return i.Call.Transfer != nil }},
		{"a transfer is committed", transfer, func(i bridge.Interaction) bool { return i.Call.Transfer != nil && i.Call.Transfer.Committed }},
		{"a transfer is over", transfer, party("5024", bridge.PartyEstablished)},
		{"a member is called", conference, party("5024", bridge.PartyAlerting)},
		{"the owner leaves", func(l *load) { conference(l); l.whenUp("5024"); l.tell("release", `{"dn":"5023"}`) }, party("5023", bridge.PartyReleased)},
		{"a click-to-dial", func(l *load) { l.post("/api/v1/calls", `{"from":"5023","to":"5024"}`) }, leg("5023", bridge.LegUp)},
		{"hang-up", func(l *load) { l.inbound(); l.tell("hangup", `{}`) }, leg("5023", bridge.LegLeaving)},
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

func callsOf(i bridge.Interaction) []bridge.Call { return append([]bridge.Call{i.Call}, i.Consults...) }

func partiesOf(i bridge.Interaction) (list []bridge.Party) {
	for _, c := range callsOf(i) {
		list = append(list, c.Parties...)
	}
	return list
}

func newLoad(t *testing.T) *load {
	t.Helper()
	routes := make([]string, 0, 25)
	for n := 1; n <= 25; n++ {
		routes = append(routes, fmt.Sprintf(`{number: "80%02d", to: "dn:50%02d"}`, n, n))
	}
	s := newSystem(t, `
calls: {ring_timeout: 10m}
dns: [{numbers: [5001-5025], owner: phone}]
queues: {sales: {number: "6000", announce: {every: 0s}}}
routes: [{number: "8000", to: "queue:sales"}, `+strings.Join(routes, ", ")+"]\n")
	rtp := asterisk.PortRange(t, 200)
	text, err := os.ReadFile(s.conf)
	require.NoError(t, err)
	old := fmt.Sprintf("rtp: {start: %d, end: %d}", s.ports.RTPStart, s.ports.RTPEnd)
	text = bytes.Replace(text, []byte(old), fmt.Appendf(nil, "rtp: {start: %d, end: %d}", rtp, rtp+199), 1)
	require.NoError(t, os.WriteFile(s.conf, text, 0o600))
	s.run("generate", "--out", filepath.Join(s.dir, "etc"))
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	l := &load{system: s, customer: s.customerPhone(), phones: map[string]*phone.Phone{}, base: map[string]call{}}
	for n := 5001; n <= 5025; n++ {
		dn := strconv.Itoa(n)
		p := s.newPhone(phone.Options{
			Bind: "127.0.0.1:0", User: dn, Password: s.phonePassword(dn), Tone: toneOf(dn),
			Answer: map[bool]phone.AnswerMode{true: phone.RingOnly, false: phone.AutoAnswer}[dn == "5009" || dn == "5010"],
		})
		require.NoError(t, p.Register(t.Context(), time.Hour))
		l.phones[dn] = p
	}
	s.inService("5001", "5025")
	l.feed = s.listen(9, "supervisor")
	l.begin()
	return l
}

// begin makes the calls that are to outlive all kills: inbound, ringing, held, in consultation, a conference, waiting in
// a queue, internal.
func (l *load) begin() {
	for n := 5001; n <= 5015; n++ {
		if n == 5014 {
			continue
		}
		dn := strconv.Itoa(n)
		cust := dial(l.t, l.customer, "80"+dn[2:], customerTone)
		agent, err := l.phones[dn].WaitCall(soon(l.t))
		require.NoError(l.t, err)
		if n <= 5008 {
			l.pairs = append(l.pairs, pair{cust, agent})
		}
	}
	l.waiting = dial(l.t, l.customer, "8000", customerTone)
	for _, n := range []int{5018, 5020, 5022} {
		dn := strconv.Itoa(n)
		a := dial(l.t, l.phones[strconv.Itoa(n-1)], dn, toneOf(strconv.Itoa(n-1)))
		b, err := l.phones[dn].WaitCall(soon(l.t))
		require.NoError(l.t, err)
		l.pairs = append(l.pairs, pair{a, b})
	}
	for _, dn := range []string{"5011", "5012"} {
		l.command(dn, "hold", `{"dn":"`+dn+`"}`)
	}
	l.command("5013", "consult", `{"dn":"5013","to":"5014"}`)
	l.command("5015", "conference", `{"dn":"5015","to":"5016"}`)
	var shown string
	defer func() { l.t.Log(shown) }()
	l.eventually("the load stands", func() bool {
		list := l.calls("supervisor")
		up := 0
		for _, c := range list {
			for _, p := range c.Parties {
				if p.State == "Established" {
					up++
				}
			}
		}
		shown = fmt.Sprintf("%d calls, %d who talk", len(list), up)
		return len(list) == 18 && up == 30
	})
	for _, c := range l.calls("supervisor") {
		l.base[c.ID] = c
	}
	l.records = len(l.journal())
	require.NoError(l.t, l.waiting.WaitSound(soon(l.t)))
}

// command is one that must be taken.
func (l *load) command(dn, verb, body string) {
	l.t.Helper()
	l.eventually(dn+" can "+verb, func() bool {
		for _, c := range l.calls("supervisor") {
			for _, p := range c.Parties {
				if p.DN == dn && p.State == "Established" {
					l.as("supervisor", http.MethodPost, "/api/v1/calls/"+c.ID+"/"+verb, body).want(http.StatusOK)
					return true
				}
			}
		}
		return false
	})
}

// step does an operation, kills the sidecar at its point, and looks at what the next one makes of it.
func (l *load) step(t *testing.T, p killPoint) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	found := make(chan bool, 1)
	journal := l.openJournal()
	var watching sync.WaitGroup
	watching.Go(func() { found <- l.killAt(ctx, journal, p.at) })
	p.do(l)
	killed := <-found
	cancel()
	watching.Wait()
	if !killed {
		l.killSidecar() // the operation had fewer records
	} else {
		_ = l.taken().Wait()
	}
	l.startSidecar()
	l.waitReady()
	l.check(p.name)
	l.tidy()
	t.Logf("%s: killed there %t, %v", p.name, killed, time.Since(began).Round(100*time.Millisecond))
}

func (l *load) journalPath() string { return filepath.Join(l.dir, "var", "calls.journal") }

// openJournal is at the end of what has been written.
func (l *load) openJournal() *os.File {
	l.t.Helper()
	file, err := os.Open(l.journalPath())
	require.NoError(l.t, err)
	_, err = file.Seek(0, io.SeekEnd)
	require.NoError(l.t, err)
	return file
}

// killAt reads records as they are written and kills the sidecar at the wanted one of a call of the reserved DNs.
func (l *load) killAt(ctx context.Context, journal *os.File, at func(bridge.Interaction) bool) bool {
	defer func() { _ = journal.Close() }()
	l.mu.Lock()
	process := l.cmd.Process
	l.mu.Unlock()
	var rest []byte
	buffer := make([]byte, 1<<16)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for idle := 0; idle < 3000; { // ms without a record: the operation is over
		n, _ := journal.Read(buffer)
		rest = append(rest, buffer[:n]...)
		for line, more, ok := bytes.Cut(rest, []byte("\n")); ok; line, more, ok = bytes.Cut(rest, []byte("\n")) {
			rest = more
			var e struct{ Record bridge.Interaction }
			if json.Unmarshal(line, &e) != nil || !slices.ContainsFunc(partiesOf(e.Record), func(p bridge.Party) bool { return reserved(p.DN) }) {
				continue
			}
			idle = 0
			if at(e.Record) {
				_ = process.Kill()
				return true
			}
		}
		if n > 0 {
			continue
		}
		idle++
		select {
		case <-poll.C:
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// post is a request to a sidecar that may be killed under it.
func (l *load) post(path, body string) {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.http+path, strings.NewReader(body))
	require.NoError(l.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+l.token("supervisor"))
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// inbound is a customer's call to 5023, which answers.
func (l *load) inbound() {
	_, _ = l.customer.Dial(l.t.Context(), "8023") // it may never be answered
	l.whenUp("5023")
}

// tell gives a command for the call of 5023, if the sidecar lives and it has one.
func (l *load) tell(verb, body string) {
	if id := l.has("5023"); id != "" {
		l.post("/api/v1/calls/"+id+"/"+verb, body)
	}
}

// whenUp waits until a DN talks, or the sidecar is dead.
func (l *load) whenUp(dn string) {
	for range 500 {
		id, dead := l.look(dn, "Established")
		if id != "" || dead {
			return
		}
		<-time.After(tick)
	}
}

func (l *load) has(dn string) string {
	id, _ := l.look(dn, "")
	return id
}

// look finds the call of a DN in a state.
func (l *load) look(dn, state string) (id string, dead bool) {
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, "http://"+l.http+"/api/v1/calls", nil)
	require.NoError(l.t, err)
	req.Header.Set("Authorization", "Bearer "+l.token("supervisor"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", true
	}
	defer func() { _ = resp.Body.Close() }()
	var list struct{ Calls []call }
	if json.NewDecoder(resp.Body).Decode(&list) != nil {
		return "", true
	}
	for _, c := range list.Calls {
		for _, p := range c.Parties {
			if p.DN == dn && (state == "" && p.State != "Released" || p.State == state) {
				return c.ID, false
			}
		}
	}
	return "", false
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
	for id, before := range l.base {
		require.Contains(l.t, now, id, "%s: %v is lost", name, before)
		require.Equal(l.t, before.ConnID, now[id].ConnID, name)
		require.Equal(l.t, before.Parties, now[id].Parties, name)
	}
	l.listenAll(name)
}

// listenAll requires that all hear whom they talk to, and who waits hears music.
func (l *load) listenAll(name string) {
	l.t.Helper()
	ctx := soon(l.t)
	var work sync.WaitGroup
	wrong := make([]error, 2*len(l.pairs)+1)
	work.Go(func() { wrong[0] = l.waiting.WaitSound(ctx) })
	for n, p := range l.pairs {
		work.Go(func() { wrong[2*n+1] = p.a.WaitTone(ctx, l.toneFrom(p.b)) })
		work.Go(func() { wrong[2*n+2] = p.b.WaitTone(ctx, l.toneFrom(p.a)) })
	}
	work.Wait()
	require.NoError(l.t, errors.Join(wrong...), name)
}

// toneFrom is what a call's own phone sends.
func (l *load) toneFrom(c *phone.Call) float64 {
	for n, p := range l.pairs {
		switch {
		case p.b == c && n < 8:
			return toneOf(strconv.Itoa(5001 + n))
		case p.a == c && n >= 8:
			return toneOf(strconv.Itoa(5017 + 2*(n-8)))
		case p.b == c:
			return toneOf(strconv.Itoa(5018 + 2*(n-8)))
		}
	}
	return customerTone
}

// differences are channels and bridges that only one of the two knows, and calls that only the journal or REST knows.
func (l *load) differences() []string {
	channels, bridges, calls := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, i := range l.journal() {
		for _, c := range callsOf(i) {
			if c.Bridged && !c.Done {
				bridges[c.Bridge.ID] = true
			}
			if c.EndedAt.IsZero() && slices.ContainsFunc(c.Parties, func(p bridge.Party) bool { return p.DN != "" }) { // who only waits is shown to nobody
				calls[string(c.ID)] = true
			}
			for _, p := range c.Parties {
				if p.Leg.Channel.ID != "" && p.Leg.State != bridge.LegGone && p.Leg.State != bridge.LegNone {
					channels[p.Leg.Channel.ID] = true
				}
			}
		}
	}
	there, mixed, shown := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(l.pbx.RequireCLI("core show channels concise")) {
		if fields := strings.Split(strings.TrimSpace(line), "!"); len(fields) > 5 && strings.HasPrefix(line, "PJSIP/") { // music has channels of its own
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

// tidy ends the calls of the operation.
func (l *load) tidy() {
	l.t.Helper()
	l.eventually("only the load is left", func() bool {
		list := l.calls("supervisor")
		for _, c := range list {
			if _, stays := l.base[c.ID]; !stays {
				l.as("supervisor", http.MethodPost, "/api/v1/calls/"+c.ID+"/hangup", nil)
			}
		}
		return len(list) == len(l.base) && len(l.journal()) == l.records
	})
}

// finish ends everything. Each DN of the load sees one end of each of its calls, and of no call two.
func (l *load) finish() {
	l.killSidecar() // once more, idle: from here on the desktop misses nothing
	sessions := l.feed.lived("subscribed")
	l.startSidecar()
	l.waitReady()
	l.eventually("the desktop is back", func() bool { return l.feed.lived("subscribed") >= sessions+2 })
	for id := range l.base {
		l.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil)
	}
	require.NoError(l.t, l.waiting.Hangup(soon(l.t)))
	l.eventually("all calls are over", func() bool { return len(l.calls("supervisor")) == 0 })
	l.eventually("the journal is empty", func() bool { return len(l.journal()) == 0 })
	l.requireNoLeftovers()
	ends := func() map[string]int {
		l.feed.mu.Lock()
		defer l.feed.mu.Unlock()
		n := map[string]int{}
		for _, e := range l.feed.events {
			if e.Call != nil && terminal(e) {
				n[string(e.DN)+" "+e.Call.ConnID.String()]++
			}
		}
		return n
	}
	l.eventually("every DN of the load sees the end", func() bool {
		n := ends()
		for _, c := range l.base {
			for _, p := range c.Parties {
				if p.DN != "" && n[p.DN+" "+c.ConnID] == 0 {
					return false
				}
			}
		}
		return true
	})
	for who, n := range ends() {
		require.Equal(l.t, 1, n, "ends that %s saw", who)
	}
}
