//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"sidecar/internal/phone"
)

// member is a party of the large conference: a phone's call, or a page.
type member struct {
	name string
	ear  talker
	call *phone.Call // nil for a page, which always sends its tone
}

// crowd is a conference of twenty.
type crowd struct {
	*system
	id      string
	members []member
}

const speakersTone = 1010 // of whoever is asked to speak

// Twenty are in one call: the customer, the owner, phones of both laws, pages, and numbers outside. A sample of them speaks and
// everybody hears it; one more is refused; the owner leaves, one is dropped, and the rest goes, until two are left.
func TestAConferenceOfTwenty(t *testing.T) {
	t.Parallel()
	s := newSystem(t, `
dns: [{numbers: [5001-5015], owner: phone}, {numbers: [5016-5017]}]
routes: [{number: "8000", to: "dn:5001"}]
`)
	s.widen(100)
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	c := &crowd{system: s}
	c.gather(s.customerPhone())

	owner, customer := c.members[1], c.members[0]
	c.speaks(customer)
	c.speaks(owner)
	c.speaks(c.find("5007"))
	c.speaks(c.find("030777"))
	c.pagesAreHeard()
	full := s.as("5001", http.MethodPost, "/api/v1/calls/"+c.id+"/conference", `{"to": "030999"}`).want(http.StatusConflict)
	require.Contains(t, string(full.body), "20 parties at most")

	c.tell("5001", "release", "{}")
	c.gone(owner)
	c.speaks(customer)
	c.tell("5002", "drop", `{"member": "5010"}`)
	c.gone(c.find("5010"))
	c.speaks(c.find("030777"))
	for len(c.members) > 2 {
		m := c.members[len(c.members)-1]
		if m.call == nil {
			c.tell(m.name, "release", "{}")
		} else {
			require.NoError(t, m.call.Hangup(soon(t)))
		}
		c.gone(m)
	}
	last := c.members[1]
	require.Equal(t, "5002", last.name)
	c.speaks(customer)
	c.speaks(last)
	require.NoError(t, last.call.Hangup(soon(t)))
	ended(t, customer.call)
	s.requireNoLeftovers()
}

// gather calls the members one after the other.
func (c *crowd) gather(customer *phone.Phone) {
	c.t.Helper()
	phones := map[string]*phone.Phone{}
	for n := 5001; n <= 5015; n++ {
		dn := strconv.Itoa(n)
		codec := []phone.Codec{phone.PCMU, phone.PCMA}[n%2]
		p := c.newPhone(phone.Options{Bind: "127.0.0.1:0", User: dn, Password: c.phonePassword(dn), Codecs: []phone.Codec{codec}, Answer: phone.AutoAnswer})
		require.NoError(c.t, p.Register(c.t.Context(), time.Hour))
		phones[dn] = p
	}
	pages := map[string]*page{"5016": c.page("5016", otherTone, true), "5017": c.page("5017", browserTone, true)}
	c.inService("5001", "5015", "5016", "5017")
	c.join("030123456", dial(c.t, customer, "8000", 0))
	owner, err := phones["5001"].WaitCall(soon(c.t))
	require.NoError(c.t, err)
	c.join("5001", owner)
	c.id = c.onlyCall("Established").ID
	for n := 5002; n <= 5017; n++ {
		dn := strconv.Itoa(n)
		c.tell("5001", "conference", fmt.Sprintf(`{"to": %q}`, dn))
		if p := pages[dn]; p != nil {
			c.members = append(c.members, member{name: dn, ear: talker{p, p.tone}})
			continue
		}
		call, err := phones[dn].WaitCall(soon(c.t))
		require.NoError(c.t, err)
		c.join(dn, call)
	}
	for _, number := range []string{"030777", "030778"} {
		c.tell("5001", "conference", fmt.Sprintf(`{"to": %q}`, number))
		call := incoming(c.t, customer, 0)
		require.NoError(c.t, call.Answer(soon(c.t)))
		c.join(number, call)
	}
	require.Len(c.t, c.members, 20)
	c.talk()
}

func (c *crowd) join(name string, call *phone.Call) {
	c.members = append(c.members, member{name: name, ear: talker{call, speakersTone}, call: call})
}

func (c *crowd) find(name string) member {
	c.t.Helper()
	for _, m := range c.members {
		if m.name == name {
			return m
		}
	}
	require.Fail(c.t, "no member "+name)
	return member{}
}

func (c *crowd) tell(dn, verb, body string) {
	c.t.Helper()
	c.as(dn, http.MethodPost, "/api/v1/calls/"+c.id+"/"+verb, body).want(http.StatusOK)
}

// talk waits until REST shows as many talking as there are members.
func (c *crowd) talk() {
	c.t.Helper()
	talking := 0
	defer func() {
		if c.t.Failed() {
			c.t.Logf("%d of %d talk", talking, len(c.members))
		}
	}()
	c.eventually("all members talk", func() bool {
		talking = 0
		for _, p := range c.calls("supervisor")[0].Parties {
			if p.State == "Established" {
				talking++
			}
		}
		return talking == len(c.members)
	})
}

// speaks lets a member send a tone, which all others hear, until it is silent again.
func (c *crowd) speaks(m member) {
	c.t.Helper()
	m.call.SendTone(speakersTone)
	c.heard(m, speakersTone)
	m.call.SendTone(0)
	ctx := soon(c.t)
	require.NoError(c.t, c.members[len(c.members)-1].call.WaitNoTone(ctx, speakersTone))
	require.NoError(c.t, c.members[0].call.WaitNoTone(ctx, speakersTone))
}

// pagesAreHeard are the two who speak all the time, by everybody and by each other.
func (c *crowd) pagesAreHeard() {
	c.t.Helper()
	for _, m := range c.members {
		if m.call == nil {
			c.heard(m, m.ear.tone)
		}
	}
}

func (c *crowd) heard(speaker member, tone float64) {
	c.t.Helper()
	ctx := soon(c.t)
	var group errgroup.Group
	for _, m := range c.members {
		if m.name == speaker.name {
			continue
		}
		group.Go(func() error {
			if err := m.ear.ear.WaitTone(ctx, tone); err != nil {
				return fmt.Errorf("%s hears %s: %w", m.name, speaker.name, err)
			}
			return nil
		})
	}
	require.NoError(c.t, group.Wait())
}

// gone waits until a member has left, and no other.
func (c *crowd) gone(m member) {
	c.t.Helper()
	if m.call != nil {
		ended(c.t, m.call)
	}
	for i, other := range c.members {
		if other.name == m.name {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			break
		}
	}
	c.talk()
}
