//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// SIPp, a peer that others wrote, is the customer: twenty calls with its own scenario, several at once. SIPp counts
// each of them as successful only if every message came as its scenario has it.
func TestSIPpCustomers(t *testing.T) {
	t.Parallel()
	s := newRunning(t, `
dns: [{numbers: [5001-5002], owner: phone, max_calls: 20}]
routes: [{number: "8000", to: "dn:5001"}]
`)
	s.agentPhone("5001", phone.AutoAnswer)
	s.inService("5001")
	feed := s.listen(9, "5001")
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience) // for all twenty
	defer cancel()
	cmd := exec.CommandContext(ctx, "sipp", s.sip(), "-sn", "uac", "-s", "8000", "-i", "127.0.0.2", "-p", fmt.Sprint(s.customer),
		"-m", "20", "-r", "10", "-d", "500", "-nostdin", "-timeout", "80s", "-timeout_error", "-trace_err", "-error_file", filepath.Join(dir, "errors.log"))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	errors, _ := os.ReadFile(filepath.Join(dir, "errors.log"))
	require.NoError(t, err, "sipp (scripts/deps.sh installs it): %s\n%s", out, errors)
	eventually(t, "twenty calls have ended in the feed", func() bool {
		n := 0
		for _, line := range feed.lines() {
			if strings.Contains(line, "Released(") {
				n++
			}
		}
		return n == 20
	})
	s.requireNoLeftovers()
}
