package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoadRefusesAuditAndUserData(t *testing.T) {
	t.Parallel()
	const at = "sidecar.yaml:1: "
	testRefusals(t, []refusal{
		{"caller id", "dns: [{numbers: [5001], caller_ids: ['+4930200', anonymous]}]", at + `dns[0].caller_ids[1]: "anonymous": ` + "a number has 1 to 32 digits, * or #, and may start with +"},
		{"days", "audit: {keep_days: -1}", at + `audit.keep_days: "-1": must be from 0 to 36500`},
		{"many days", "audit: {keep_days: 36501}", at + `audit.keep_days: "36501": must be from 0 to 36500`},
		{"header", "calls: {user_data_headers: ['X-Customer-Info', 'X Customer']}", at + `calls.user_data_headers[1]: "X Customer": write the name of a SIP header: letters, digits and -, such as X-Customer-Info`},
		{"dialplan in a header", "calls: {user_data_headers: ['X)})']}", at + `calls.user_data_headers[0]: "X)})": write the name of a SIP header: letters, digits and -, such as X-Customer-Info`},
		{"header twice", "calls: {user_data_headers: [X-A, x-a]}", at + `calls.user_data_headers[1]: "x-a": is there twice`},
		{"our header", "calls: {user_data_headers: [X-Sidecar-Leg]}", at + `calls.user_data_headers[0]: "X-Sidecar-Leg": is the sidecar's own: choose another name`},
		{"variable", "calls: {user_data_variables: ['${A}']}", at + `calls.user_data_variables[0]: "${A}": write the name of a channel variable: letters, digits and _, such as CUSTOMER_ID`},
		{"our variable", "calls: {user_data_variables: [SIDECAR_LEG]}", at + `calls.user_data_variables[0]: "SIDECAR_LEG": is the sidecar's own: choose another name`},
		{"too many", "calls: {user_data_variables: [" + strings.Repeat("A, ", 20) + "A]}", at + `calls.user_data_variables: has 21 names: at most 20 are allowed`},
	})
}

func TestLoadReadsAuditAndUserData(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, "audit: {keep_days: 7}\ncalls: {user_data_headers: [X-Customer-Info], user_data_variables: [CUSTOMER_ID]}\n")
	require.NoError(t, err)
	require.Equal(t, 7*24*time.Hour, cfg.Audit.Keep())
	require.Equal(t, []string{"X-Customer-Info"}, cfg.Calls.UserDataHeaders)
	require.Equal(t, []string{"CUSTOMER_ID"}, cfg.Calls.UserDataVariables)
}
