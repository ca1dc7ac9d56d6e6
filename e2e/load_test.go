//go:build e2e

package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

// load is a mix of calls that outlives the sidecar again and again. The DNs 5001-5020 and the pages 5030-5033 are in it;
// 5023-5027 and the page 5034 are for the operations in whose middle the sidecar is killed.
type load struct {
	*system
	customer *phone.Phone
	phones   map[string]*phone.Phone
	pairs    [][2]talker   // who hear each other
	music    []*phone.Call // who hear music: those who are held or wait in a queue
	waiting  []*phone.Call // in a queue, shown as no DN's call
	recorded []string      // DNs whose calls are recorded all the time

	base  standing
	own   map[string]bool      // ids of the load's interactions
	stays map[*phone.Call]bool // the customers' of the load
	feed  *listener

	killed   bool           // by killAt; guarded by mu
	segments map[string]int // recordings of the operation's calls, as the journal told
}

// standing is what there was before the first kill, and must be after each.
type standing struct {
	calls  map[string]call
	queued map[string]string
	agent  agentState
	legs   map[string]int // calls of each phone, the trunk's under ""
}

// talker is somebody who sends a tone.
type talker struct {
	ear interface {
		WaitTone(ctx context.Context, hz float64) error
	}
	tone float64
}

// toneOf is what the phone or page of a DN sends.
func toneOf(dn string) float64 {
	n, _ := strconv.Atoi(dn)
	return 500 + float64(n-5000)*30
}

const loadSite = `
calls: {ring_timeout: 3h}
recording: {enabled: true, min_free_bytes: 0}
dns: [{numbers: [5001-5027], owner: phone}, {numbers: [5030-5034]}]
queues:
  sales: {number: "6000", agents: ["5016"], announce: {every: 0s}}
  support: {number: "6001", agents: ["5020"], ring_timeout: 3h, announce: {every: 0s}}
  desk: {number: "6002", agents: ["5026"], announce: {every: 0s}}
  late: {number: "6003", agents: ["5027"], ring_timeout: 1s, announce: {every: 0s}}
routes:
  - {number: "8100", to: "queue:sales"}
  - {number: "8101", to: "queue:support"}
  - {number: "8102", to: "queue:desk"}
  - {number: "8103", to: "queue:late"}
`

func newLoad(t *testing.T) *load {
	t.Helper()
	site := strings.Builder{}
	site.WriteString(loadSite)
	for n := 1; n <= 34; n++ {
		if n <= 27 || n >= 30 {
			fmt.Fprintf(&site, "  - {number: \"80%02d\", to: \"dn:50%02d\"}\n", n, n)
		}
	}
	s := newSystem(t, site.String(), "SIDECAR_GATEWAY_GRACE=2m") // a machine that runs all tests at once is slow
	s.widen(200)
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	l := &load{system: s, customer: s.customerPhone(), phones: map[string]*phone.Phone{}, segments: map[string]int{}}
	for n := 5001; n <= 5027; n++ {
		dn := strconv.Itoa(n)
		answer := phone.AutoAnswer
		if slices.Contains([]string{"5009", "5010", "5020", "5027"}, dn) {
			answer = phone.RingOnly
		}
		p := s.newPhone(phone.Options{Bind: "127.0.0.1:0", User: dn, Password: s.phonePassword(dn), Tone: toneOf(dn), Answer: answer})
		require.NoError(t, p.Register(t.Context(), time.Hour))
		l.phones[dn] = p
	}
	l.feed = s.listen(9, "supervisor")
	l.begin()
	return l
}

// widen gives Asterisk so many ports for RTP.
func (s *system) widen(ports int) {
	s.t.Helper()
	rtp := asterisk.PortRange(s.t, ports)
	text, err := os.ReadFile(s.conf)
	require.NoError(s.t, err)
	old := fmt.Sprintf("rtp: {start: %d, end: %d}", s.ports.RTPStart, s.ports.RTPEnd)
	require.Contains(s.t, string(text), old)
	text = bytes.Replace(text, []byte(old), fmt.Appendf(nil, "rtp: {start: %d, end: %d}", rtp, rtp+ports-1), 1)
	require.NoError(s.t, os.WriteFile(s.conf, text, 0o600))
	s.run("generate", "--out", filepath.Join(s.dir, "etc"))
}

// begin makes the twenty calls that are to outlive all kills: inbound, ringing, held, in consultation, a conference,
// internal, recorded, at pages, waiting in a queue, and being offered.
func (l *load) begin() {
	pages := map[string]*page{}
	for _, dn := range []string{"5030", "5031", "5032", "5033", "5034"} {
		pages[dn] = l.page(dn, toneOf(dn), dn != "5031" && dn != "5034")
	}
	l.inService("5001", "5027", "5030", "5031", "5032", "5033", "5034")
	for _, dn := range []string{"5020", "5026", "5027"} {
		l.agentDoes(dn, "login", "")
		l.agentDoes(dn, "ready", "")
	}
	customer := map[string]*phone.Call{}
	for _, dn := range []string{"5001", "5002", "5003", "5004", "5005", "5006", "5009", "5010", "5011", "5012", "5013", "5015", "5030", "5031", "5032"} {
		customer[dn] = dial(l.t, l.customer, "80"+dn[2:], customerTone)
		if p := l.phones[dn]; p != nil {
			agent, err := p.WaitCall(soon(l.t))
			require.NoError(l.t, err)
			if dn <= "5006" {
				l.pairs = append(l.pairs, [2]talker{{customer[dn], customerTone}, {agent, toneOf(dn)}})
			}
		}
	}
	inside := dial(l.t, l.phones["5017"], "5018", toneOf("5017"))
	colleague, err := l.phones["5018"].WaitCall(soon(l.t))
	require.NoError(l.t, err)
	atPage := dial(l.t, l.phones["5019"], "5033", toneOf("5019"))
	l.pairs = append(
		l.pairs, [2]talker{{inside, toneOf("5017")}, {colleague, toneOf("5018")}},
		[2]talker{{atPage, toneOf("5019")}, {pages["5033"], toneOf("5033")}}, [2]talker{{customer["5030"], customerTone}, {pages["5030"], toneOf("5030")}},
	)
	l.waiting = []*phone.Call{dial(l.t, l.customer, "8100", customerTone), dial(l.t, l.customer, "8101", customerTone)}
	l.music = append(l.waiting, customer["5011"], customer["5012"], customer["5013"], customer["5032"])
	for _, dn := range []string{"5011", "5012", "5032"} {
		l.command(dn, "hold", `{"dn":"`+dn+`"}`)
	}
	l.command("5013", "consult", `{"dn":"5013","to":"5014"}`)
	l.command("5015", "conference", `{"dn":"5015","to":"5016"}`)
	l.recorded = []string{"5001", "5030"}
	for _, dn := range l.recorded {
		l.command(dn, "recording/start", `{"dn":"`+dn+`"}`)
	}
	l.stands()
}

// stands waits until all of begin has come about, and notes it.
func (l *load) stands() {
	l.t.Helper()
	shown := map[string]int{}
	defer func() { l.t.Log(shown) }()
	l.eventually("the load stands", func() bool {
		clear(shown)
		for _, c := range l.calls("supervisor") {
			shown["calls"]++
			for _, p := range c.Parties {
				shown[p.State]++
			}
		}
		return shown["calls"] == 19 && shown["Established"] == 27 && shown["Held"] == 4 && shown["Ringing"] == 4
	})
	l.isRecorded(2 * len(l.recorded))
	l.base = standing{calls: map[string]call{}, queued: l.firstQueued(), agent: l.agentOf("5020"), legs: l.legs()}
	for _, c := range l.calls("supervisor") {
		l.base.calls[c.ID] = c
	}
	l.own, l.stays = map[string]bool{}, map[*phone.Call]bool{}
	for id := range l.journal() {
		l.own[id] = true
	}
	for _, c := range l.customer.Calls() {
		l.stays[c] = true
	}
	l.listenAll("at the beginning")
}

// firstQueued says which calls are the first of the load's queues, since when, and at whom they ring. Those of the operations
// come after them.
func (l *load) firstQueued() map[string]string {
	l.t.Helper()
	first := map[string]string{}
	for _, queue := range []string{"sales", "support"} {
		for _, c := range l.queued(queue) {
			first[queue] = cmp.Or(first[queue], fmt.Sprintf("%s %s %s %s", c.Call.ID, c.Call.ConnID, c.Since, c.OfferedTo))
		}
	}
	return first
}

// legs counts the calls that the phones have.
func (l *load) legs() map[string]int {
	n := map[string]int{"": len(l.customer.Calls())}
	for dn, p := range l.phones {
		n[dn] = len(p.Calls())
	}
	return n
}

// command is one that must be taken.
func (l *load) command(dn, verb, body string) {
	l.t.Helper()
	l.eventually(dn+" can "+verb, func() bool {
		id, _ := l.look(dn, "Established")
		if id != "" {
			l.as("supervisor", http.MethodPost, "/api/v1/calls/"+id+"/"+verb, body).want(http.StatusOK)
		}
		return id != ""
	})
}

// post is a request to a sidecar that may be killed under it.
func (l *load) post(path, body string) {
	_ = l.request(http.MethodPost, path, body, nil)
}

// request is one that may go wrong: it reports whether the sidecar has answered.
func (l *load) request(method, path, body string, into any) bool {
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+l.http+"/api/v1"+path, strings.NewReader(body))
	require.NoError(l.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+l.token("supervisor"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return into == nil || json.NewDecoder(resp.Body).Decode(into) == nil
}

// look finds the call of a DN in a state.
func (l *load) look(dn, state string) (id string, dead bool) {
	var list struct{ Calls []call }
	if !l.request(http.MethodGet, "/calls", "", &list) {
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

// whenUp waits until a DN talks, or the sidecar is dead.
func (l *load) whenUp(dn string) { l.when(dn, "Established") }

func (l *load) when(dn, state string) {
	for range 500 {
		id, dead := l.look(dn, state)
		if id != "" || dead {
			return
		}
		<-time.After(tick)
	}
}

// dialled is a customer's call that may never be answered.
func (l *load) dialled(number string) { _, _ = l.customer.Dial(l.t.Context(), number) }

// inbound is a customer's call to 5023, which answers.
func (l *load) inbound() {
	l.dialled("8023")
	l.whenUp("5023")
}

// tell gives a command for the call of 5023, if the sidecar lives and it has one.
func (l *load) tell(verb, body string) { l.tellOf("5023", verb, body) }

func (l *load) tellOf(dn, verb, body string) {
	if id, _ := l.look(dn, ""); id != "" {
		l.post("/calls/"+id+"/"+verb, body)
	}
}

// offered is a customer's call to a queue with one agent, who is ready.
func (l *load) offered(number, agent string) {
	l.post("/agents/"+agent+"/ready", "")
	l.dialled(number)
}

// routed is a waiting call that a program sends to 5023.
func (l *load) routed() {
	l.dialled("8100")
	for range 500 {
		var list struct{ Calls []queuedCall }
		if !l.request(http.MethodGet, "/queues/sales/calls", "", &list) {
			return
		}
		if len(list.Calls) > 1 {
			l.post("/queues/sales/calls/"+list.Calls[1].Call.ID+"/route", `{"to":"5023"}`)
			return
		}
		<-time.After(tick)
	}
}

// atPage is a customer's call to the page of 5034, which is told to answer.
func (l *load) atPage() {
	l.dialled("8034")
	l.when("5034", "Ringing")
	l.tellOf("5034", "answer", `{"dn":"5034"}`)
	l.whenUp("5034")
}

// again is the page's call when the sidecar has been killed once.
func (l *load) again() {
	l.atPage()
	l.mu.Lock()
	cmd, killed := l.cmd, l.killed
	if !killed {
		l.cmd = nil
	}
	l.mu.Unlock()
	if killed {
		return
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	l.startSidecar()
}

// kill ends the daemon if it runs.
func (l *load) kill() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cmd == nil {
		return false
	}
	_ = l.cmd.Process.Kill()
	l.killed = true
	return true
}

func callsOf(i bridge.Interaction) []bridge.Call { return append([]bridge.Call{i.Call}, i.Consults...) }

func partiesOf(i bridge.Interaction) (list []bridge.Party) {
	for _, c := range callsOf(i) {
		list = append(list, c.Parties...)
	}
	return list
}
