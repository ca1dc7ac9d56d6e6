//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

const (
	proofToken = "a-token-for-the-proof"
	proofDNs   = 48
	proofNorth = 12  // of them are in the team north
	proofDesks = 200 // sessions
	proofWatch = 12  // of them are supervisors'
)

// No loss, no duplicate, right order: real calls at a real Asterisk, 200 sessions over all transports that lose their connections at
// random, a sidecar that is killed. At the end each session has seen what the stream in NATS holds for its audience, in its order.
func TestEveryDesktopSeesTheLog(t *testing.T) {
	t.Parallel()
	p := newProof(t)
	desks, live := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer live()
	for _, d := range p.desks {
		work.Go(func() {
			if err := d.run(desks); err != nil {
				t.Error(err)
			}
		})
	}
	calling, enough := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	defer calls.Wait()
	defer enough()
	for first := 0; first+3 <= proofDNs; first += 3 {
		calls.Go(func() { p.callAll(calling, first) })
	}
	for kill := range p.kills {
		p.until((kill + 1) * p.events / (p.kills + 1))
		t.Logf("%s: %d calls, kill number %d", time.Now().Format(time.TimeOnly), p.made.Load(), kill+1)
		p.killSidecar()
		p.startSidecar()
	}
	p.until(p.events)
	enough()
	calls.Wait()
	p.waitReady()
	p.requireNoLeftovers()
	p.eventually("no call is left", func() bool { return len(p.system.calls("admin")) == 0 })
	close(p.calm)
	log := p.wholeLog()
	p.wholeCalls(log)
	p.compare(log)
	live()
	work.Wait()
	p.report(log)
}

// proof is a system with many desktops.
type proof struct {
	*system

	events int // that are enough
	kills  int
	nats   string
	phones []*phone.Phone
	first  uint64 // the last event before the calls
	desks  []*desk
	calm   chan struct{} // closed when no connection breaks any more

	made atomic.Int64
}

func proofDN(i int) string { return strconv.Itoa(5001 + i) }

func newProof(t *testing.T) *proof {
	t.Helper()
	p := &proof{events: 1500, kills: 3, calm: make(chan struct{})}
	life := 10 * time.Second
	if text := os.Getenv("SOAK_EVENTS"); text != "" {
		var err error
		p.events, err = strconv.Atoi(text)
		require.NoError(t, err, "SOAK_EVENTS says how many")
		p.kills, life = 10, 40*time.Second
	}
	p.nats = fmt.Sprintf("127.0.0.1:%d", asterisk.FreePorts(t, 1)[0])
	p.system = newSystem(t, fmt.Sprintf(`
event_log: {listen: %q, token: %q}
dns: [{numbers: [%s-%s], owner: phone}]
`, p.nats, proofToken, proofDN(0), proofDN(proofDNs-1)), "SIDECAR_LOG_LEVEL=info")
	p.widen(4 * proofDNs)
	p.startAsterisk()
	p.startSidecar()
	p.waitReady()
	p.readPasswords()
	var dns []string
	for i := range proofDNs {
		ph := p.newPhone(phone.Options{Bind: "127.0.0.1:0", User: proofDN(i), Password: p.phonePassword(proofDN(i)), Answer: phone.AutoAnswer, NoRTP: true})
		require.NoError(t, ph.Register(t.Context(), time.Hour))
		p.phones, dns = append(p.phones, ph), append(dns, proofDN(i))
	}
	p.inService(dns...)
	p.users()
	p.sit(life)
	return p
}

// users makes a team besides the first one, with a supervisor.
func (p *proof) users() {
	p.t.Helper()
	p.as("admin", http.MethodPost, "/api/v1/users", `{"user":"north","password":"north-of-nowhere","role":"supervisor","team":"north"}`).want(http.StatusCreated)
	p.passwords["north"] = "north-of-nowhere"
	for i := range proofNorth {
		p.as("admin", http.MethodPatch, "/api/v1/users/"+proofDN(i), `{"team":"north"}`).want(http.StatusOK)
	}
}

// sit gives everybody a desk, who all have seen what there was so far.
func (p *proof) sit(life time.Duration) {
	p.t.Helper()
	log, epoch := p.log(0)
	p.first = log[len(log)-1].seq
	since := fmt.Sprintf("%s:%d", epoch, p.first)
	transports := []string{overSocket, overPolling, overSSE, overEvents}
	north := func(dn string) bool { return dn >= proofDN(0) && dn < proofDN(proofNorth) }
	for i := range proofDesks {
		user, sees := proofDN(i%proofDNs), func(dn string) bool { return dn == proofDN(i%proofDNs) }
		if i < proofWatch {
			user = []string{"admin", "supervisor", "north"}[i%3]
			sees = map[string]func(string) bool{
				"admin": func(string) bool { return true }, "north": north,
				"supervisor": func(dn string) bool { return !north(dn) && dn >= proofDN(0) && dn < proofDN(proofDNs) },
			}[user]
		}
		d := newDesk(fmt.Sprintf("desk %d of %s", i, user), p.http, p.token(user), transports[(i/3+i/proofDNs)%4], since, uint64(i))
		d.sees, d.life, d.calm = sees, life, p.calm
		p.desks = append(p.desks, d)
	}
}

// until waits for so many events since the calls began.
func (p *proof) until(events int) {
	p.t.Helper()
	for last, moved := 0, time.Now(); ; {
		if n := p.appended(); n >= events {
			return
		} else if n > last {
			last, moved = n, time.Now()
		}
		require.Less(p.t, time.Since(moved), 2*patience, "no event comes any more: %d of %d", last, events)
		away(p.t.Context(), 10*tick)
	}
}
