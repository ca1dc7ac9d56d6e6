//go:build e2e

package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// Nobody is registered on 5001: its calls go to its fallback, those of the route with a fallback of its own to that
// one; with the sidecar alive and with the sidecar away.
func TestFallback(t *testing.T) {
	t.Parallel()
	s := newSystem(t, `
dns:
  - numbers: [5001-5005]
    owner: phone
    overrides: {5001: {fallback: "dn:5002"}}
routes:
  - {number: "8000", to: "dn:5001"}
  - {number: "8001", to: "dn:5001", fallback: "dn:5003"}
`)
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	second, third, customer := s.agentPhone("5002", phone.RingOnly), s.agentPhone("5003", phone.RingOnly), s.customerPhone()
	s.inService("5002", "5003")
	for _, alive := range []bool{true, false} {
		if !alive {
			s.stopSidecar()
		}
		for number, fallback := range map[string]*phone.Phone{"8000": second, "8001": third} {
			cust := dial(t, customer, number, customerTone)
			a := incoming(t, fallback, agentTone)
			talk(t, cust, customerTone, a, agentTone)
			require.NoError(t, cust.Hangup(soon(t)))
			ended(t, a)
		}
	}
}
