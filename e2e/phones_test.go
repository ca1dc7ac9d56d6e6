//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// Tones by which the parties know each other.
const (
	customerTone = 450
	agentTone    = 1010
	secondTone   = 1330
)

func (s *system) sip() string { return fmt.Sprintf("127.0.0.1:%d", s.ports.SIP) }

// agentPhone is the registered phone of a DN.
func (s *system) agentPhone(dn string, mode phone.AnswerMode) *phone.Phone {
	s.t.Helper()
	p := s.newPhone(phone.Options{Bind: "127.0.0.1:0", User: dn, Password: s.phonePassword(dn), Answer: mode})
	require.NoError(s.t, p.Register(s.t.Context(), time.Minute))
	return p
}

// customerPhone is the customers' trunk.
func (s *system) customerPhone() *phone.Phone {
	s.t.Helper()
	return s.newPhone(phone.Options{Bind: fmt.Sprintf("127.0.0.2:%d", s.customer), User: "030123456"})
}

func (s *system) newPhone(o phone.Options) *phone.Phone {
	s.t.Helper()
	o.Server, o.Logger = s.sip(), s.phoneLog()
	p, err := phone.New(s.t.Context(), o)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = p.Close() })
	return p
}

// soon is a context for one wait.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// dial makes a call that sends a tone.
func dial(t *testing.T, p *phone.Phone, number string, tone float64) *phone.Call {
	t.Helper()
	c, err := p.Dial(soon(t), number)
	require.NoError(t, err)
	c.SendTone(tone)
	return c
}

// incoming waits for a phone to ring, and answers with a tone if there is one.
func incoming(t *testing.T, p *phone.Phone, tone float64) *phone.Call {
	t.Helper()
	c, err := p.WaitCall(soon(t))
	require.NoError(t, err)
	if tone != 0 {
		c.SendTone(tone)
		require.NoError(t, c.Answer(soon(t)))
	}
	return c
}

// conversation is a customer's call to 8000 that the agent has answered: both hear each other.
func conversation(t *testing.T, customer, agent *phone.Phone) (cust, a *phone.Call) {
	t.Helper()
	cust = dial(t, customer, "8000", customerTone)
	a = incoming(t, agent, agentTone)
	talk(t, cust, customerTone, a, agentTone)
	return cust, a
}

// talk requires that both hear each other.
func talk(t *testing.T, a *phone.Call, toneA float64, b *phone.Call, toneB float64) {
	t.Helper()
	require.NoError(t, a.WaitTone(soon(t), toneB), "who sends %v hears %v", toneA, toneB)
	require.NoError(t, b.WaitTone(soon(t), toneA), "who sends %v hears %v", toneB, toneA)
}

func ended(t *testing.T, c *phone.Call) phone.EndCause {
	t.Helper()
	cause, err := c.WaitEnd(soon(t))
	require.NoError(t, err)
	return cause
}

// inService waits until the phones of the DNs are registered as the sidecar sees it.
func (s *system) inService(dns ...string) {
	s.t.Helper()
	for _, dn := range dns {
		s.eventually(dn+" is in service", func() bool { return s.dnState(dn) })
	}
}

func (s *system) dnState(number string) bool {
	s.t.Helper()
	var list struct {
		DNs []struct {
			Number    string
			InService bool
		} `json:"dns"`
	}
	s.as("supervisor", "GET", "/api/v1/dns", nil).want(200).into(&list)
	for _, d := range list.DNs {
		if d.Number == number {
			return d.InService
		}
	}
	require.Fail(s.t, "no such DN: "+number)
	return false
}

// phoneLog keeps what the phones log with the daemon's output.
func (s *system) phoneLog() *slog.Logger { return slog.New(slog.NewTextHandler(s.log, nil)) }
