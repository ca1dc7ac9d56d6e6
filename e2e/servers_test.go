//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

// servers are two Asterisks behind one sidecar. 5001's phone is registered at the first, 5002's at the second, and the
// customers call in at the second.
type servers struct {
	*system // with the first

	far                     *system // the same with the second
	first, second, customer *phone.Phone
}

func newServers(t *testing.T) *servers {
	t.Helper()
	s := newSystem(t, "dns: [{numbers: [5001-5005], owner: phone}]\n"+
		"routes: [{number: \"8000\", to: \"dn:5001\"}, {number: \"8001\", to: \"dn:5002\"}]\n")
	far := *s
	far.ports = asterisk.FreeAsteriskPorts(t)
	s.addServer(far.ports)
	s.run("generate")
	s.startAsterisk()
	far.pbx = asterisk.Start(t, asterisk.Options{ConfDir: filepath.Join(s.dir, "etc2")})
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	far.passwords = s.passwords
	two := &servers{
		system: s, far: &far, first: s.agentPhone("5001", phone.RingOnly), second: far.agentPhone("5002", phone.RingOnly),
		customer: far.customerPhone(),
	}
	s.inService("5001", "5002")
	return two
}

// addServer writes a second Asterisk into the configuration.
func (s *system) addServer(ports asterisk.Ports) {
	s.t.Helper()
	text, err := os.ReadFile(s.conf)
	require.NoError(s.t, err)
	second := fmt.Sprintf(`, sip_address: "127.0.0.1:%d"}, {id: pbx2, url: "http://127.0.0.1:%d", config_dir: %s/etc2, `+
		`sip_listen: "127.0.0.1:%[4]d", sip_address: "127.0.0.1:%[4]d", lost_after: 5s, reconnect_max: 1s}]`,
		s.ports.SIP, ports.HTTP, s.dir, ports.SIP)
	both := strings.Replace(string(text), "}]", second, 1)
	require.NoError(s.t, os.WriteFile(s.conf, []byte(both), 0o600))
}

func (s *servers) requireNoLeftovers() {
	s.t.Helper()
	s.system.requireNoLeftovers()
	s.far.requireNoLeftovers()
	s.eventually("no call is left", func() bool { return len(s.calls("supervisor")) == 0 })
}

// answered is a customer's call at the second server, which the agent at the first has taken.
func (s *servers) answered() (cust, a *phone.Call, path string) {
	s.t.Helper()
	cust, a = conversation(s.t, s.customer, s.first)
	return cust, a, "/api/v1/calls/" + s.onlyCall("Established").ID + "/"
}

func (s *servers) consulted(cust, a *phone.Call, path string) (b *phone.Call) {
	s.t.Helper()
	s.as("5001", http.MethodPost, path+"consult", `{"to":"5002"}`).want(http.StatusOK)
	b = incoming(s.t, s.second, secondTone)
	talk(s.t, a, agentTone, b, secondTone)
	require.NoError(s.t, cust.WaitNoTone(soon(s.t), agentTone), "the customer waits")
	s.settled()
	return b
}

// Calls whose phones are registered at different servers.
func TestCallsAcrossServers(t *testing.T) {
	t.Parallel()
	s := newServers(t)
	for _, tc := range []struct {
		name string
		run  func(*servers)
	}{
		{"the customer hangs up", (*servers).customerEnds},
		{"the agent hangs up", (*servers).agentEnds},
		{"abandoned while it rings", (*servers).abandoned},
		{"the phone rejects", (*servers).rejected},
		{"a phone holds", (*servers).held},
		{"a phone transfers", (*servers).referred},
		{"a phone transfers to one that is not there", (*servers).referRefused},
		{"a phone connects its two calls", (*servers).referAttended},
		{"a phone connects calls of different servers", (*servers).referApart},
		{"transferred in one step", (*servers).transferred},
		{"transferred after a consultation", (*servers).consultation},
		{"a conference of three", (*servers).conference},
		{"click-to-dial begins at the phone's server", (*servers).clickToDial},
	} {
		ok := t.Run(tc.name, func(t *testing.T) {
			inner := *s
			inner.system, inner.far = s.in(t), s.far.in(t)
			tc.run(&inner)
			inner.requireNoLeftovers()
		})
		require.True(t, ok, tc.name)
	}
}

func (s *servers) customerEnds() {
	cust, a, _ := s.answered()
	require.Equal(s.t, "030123456", a.Remote().Number, "the phone shows who calls")
	require.Contains(s.t, s.far.pbx.RequireCLI("core show channels concise"), "PJSIP/peer-pbx1-")
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, a)
}

func (s *servers) agentEnds() {
	cust, a, _ := s.answered()
	require.NoError(s.t, a.SendDTMF(soon(s.t), "5"))
	require.NoError(s.t, cust.WaitDTMF(soon(s.t), "5"))
	require.NoError(s.t, a.Hangup(soon(s.t)))
	ended(s.t, cust)
}

func (s *servers) abandoned() {
	cust := dial(s.t, s.customer, "8000", customerTone)
	a := incoming(s.t, s.first, 0)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, a)
}

func (s *servers) rejected() {
	cust := dial(s.t, s.customer, "8000", customerTone)
	a := incoming(s.t, s.first, 0)
	require.NoError(s.t, a.Busy())
	ended(s.t, cust)
}

// The hold of a phone is known where its call is.
func (s *servers) held() {
	cust, a, _ := s.answered()
	require.NoError(s.t, a.Hold(soon(s.t)))
	s.partyIs("5001", "Held")
	require.NoError(s.t, cust.WaitNoTone(soon(s.t), agentTone))
	require.NoError(s.t, cust.WaitSound(soon(s.t)), "music on hold")
	require.NoError(s.t, a.Retrieve(soon(s.t)))
	s.partyIs("5001", "Established")
	talk(s.t, cust, customerTone, a, agentTone)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, a)
}

func (s *servers) partyIs(dn, state string) {
	s.t.Helper()
	s.eventually(dn+" is "+state, func() bool {
		return slices.ContainsFunc(s.calls("supervisor"), func(c call) bool {
			return slices.ContainsFunc(c.Parties, func(p callParty) bool { return p.DN == dn && p.State == state })
		})
	})
}

const declined = 603 // of SIP

func (s *servers) refers(a *phone.Call, want int) {
	s.t.Helper()
	status, err := a.WaitReferResult(soon(s.t))
	require.NoError(s.t, err)
	require.Equal(s.t, want, status)
}

// The phone asks its own server, which has not got the call.
func (s *servers) referred() {
	cust, a, _ := s.answered()
	require.NoError(s.t, a.Refer(soon(s.t), "5002"))
	b := incoming(s.t, s.second, secondTone)
	s.refers(a, http.StatusOK)
	ended(s.t, a)
	talk(s.t, cust, customerTone, b, secondTone)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, b)
}

func (s *servers) referRefused() {
	cust, a, _ := s.answered()
	require.NoError(s.t, a.Refer(soon(s.t), "5003"))
	s.refers(a, declined)
	talk(s.t, cust, customerTone, a, agentTone)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, a)
}

// Both calls of the phone are on the other server.
func (s *servers) referAttended() {
	cust, a, _ := s.answered()
	require.NoError(s.t, a.Hold(soon(s.t)))
	s.partyIs("5001", "Held")
	caller := dial(s.t, s.second, "5001", secondTone)
	second := incoming(s.t, s.first, agentTone)
	talk(s.t, caller, secondTone, second, agentTone)
	require.NoError(s.t, second.ReferTo(soon(s.t), a))
	s.refers(second, http.StatusOK)
	ended(s.t, a)
	ended(s.t, second)
	talk(s.t, cust, customerTone, caller, secondTone)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, caller)
}

// The call that the phone makes lives on its own server: the two stay apart.
func (s *servers) referApart() {
	cust, a, _ := s.answered()
	require.NoError(s.t, a.Hold(soon(s.t)))
	s.partyIs("5001", "Held")
	own := dial(s.t, s.first, "5002", agentTone)
	b := incoming(s.t, s.second, secondTone)
	talk(s.t, own, agentTone, b, secondTone)
	require.NoError(s.t, own.ReferTo(soon(s.t), a))
	s.refers(own, declined)
	require.NoError(s.t, own.Hangup(soon(s.t)))
	ended(s.t, b)
	require.NoError(s.t, a.Retrieve(soon(s.t)))
	talk(s.t, cust, customerTone, a, agentTone)
	require.NoError(s.t, a.ReferTo(soon(s.t), a))
	s.refers(a, declined)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, a)
}

func (s *servers) transferred() {
	cust, a, path := s.answered()
	s.as("5001", http.MethodPost, path+"transfer", `{"to":"5002"}`).want(http.StatusOK)
	ended(s.t, a)
	b := incoming(s.t, s.second, secondTone)
	talk(s.t, cust, customerTone, b, secondTone)
	s.settled()
	s.as("5002", http.MethodPost, path+"transfer", `{"to":"5001"}`).want(http.StatusOK)
	ended(s.t, b)
	a = incoming(s.t, s.first, agentTone)
	talk(s.t, cust, customerTone, a, agentTone)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, a)
}

func (s *servers) consultation() {
	cust, a, path := s.answered()
	b := s.consulted(cust, a, path)
	s.as("5001", http.MethodPost, path+"complete-transfer", `{}`).want(http.StatusOK)
	ended(s.t, a)
	talk(s.t, cust, customerTone, b, secondTone)
	require.NoError(s.t, b.Hangup(soon(s.t)))
	ended(s.t, cust)
}

func (s *servers) conference() {
	cust, a, path := s.answered()
	b := s.consulted(cust, a, path)
	s.as("5001", http.MethodPost, path+"complete-conference", `{}`).want(http.StatusOK)
	talk(s.t, cust, customerTone, a, agentTone)
	talk(s.t, cust, customerTone, b, secondTone)
	talk(s.t, a, agentTone, b, secondTone)
	require.NoError(s.t, a.Hangup(soon(s.t)))
	talk(s.t, cust, customerTone, b, secondTone)
	require.NoError(s.t, cust.Hangup(soon(s.t)))
	ended(s.t, b)
}

func (s *servers) clickToDial() {
	for from, mine := range map[string]*servers{
		"5001": s,
		"5002": {system: s.far, far: s.system, first: s.second, second: s.first},
	} {
		to := map[string]string{"5001": "5002", "5002": "5001"}[from]
		s.as("supervisor", http.MethodPost, "/api/v1/calls", `{"from":"`+from+`","to":"`+to+`"}`).want(http.StatusCreated)
		a := incoming(s.t, mine.first, agentTone)
		b := incoming(s.t, mine.second, secondTone)
		talk(s.t, a, agentTone, b, secondTone)
		require.Contains(s.t, mine.pbx.RequireCLI("core show channels concise"), "PJSIP/"+from+"-", "it lives where the caller is")
		require.NotContains(s.t, mine.far.pbx.RequireCLI("core show channels concise"), "sidecar,from-agents,")
		require.NoError(s.t, a.Hangup(soon(s.t)))
		ended(s.t, b)
		s.requireNoLeftovers()
	}
}

// The first server dies: what lives only on the second goes on, a leg through the first ends, and nobody is there for 5001.
func TestOneOfTwoServersDies(t *testing.T) {
	t.Parallel()
	s := newServers(t)
	local := dial(t, s.customer, "8001", customerTone)
	b := incoming(t, s.second, secondTone)
	talk(t, local, customerTone, b, secondTone)
	across, a := conversation(t, s.customer, s.first)
	require.Len(t, s.calls("supervisor"), 2)

	s.pbx.Kill()
	ended(t, across)
	require.Equal(t, "Established", s.onlyCall("Established").State)
	talk(t, local, customerTone, b, secondTone)
	s.eventually("5001 is out of service", func() bool { return !s.dnState("5001") })
	require.NotEqual(t, http.StatusOK, s.as("5002", http.MethodPost, "/api/v1/calls/"+s.onlyCall("Established").ID+"/transfer", `{"to":"5001"}`).status)
	ended(t, dial(t, s.customer, "8000", customerTone))
	talk(t, local, customerTone, b, secondTone)
	require.NoError(t, local.Hangup(soon(t)))
	ended(t, b)
	s.far.requireNoLeftovers()
	_ = a

	s.pbx.Restart()
	s.waitReady()
}
