package auth_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
)

// BenchmarkVerify is what each request pays. A supervisor's reads the DNs of a team of twenty as well.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	w.user("agent", auth.RoleAgent, "red", "5000")
	w.user("supervisor", auth.RoleSupervisor, "red")
	var team []auth.User
	for dn := range 19 {
		number := strconv.Itoa(5001 + dn)
		team = append(team, auth.User{Name: number, Role: auth.RoleAgent, Team: "red", DNs: []string{number}})
	}
	require.NoError(b, w.db.AddUsers(b.Context(), team, func([]auth.User) error { return nil }))
	for _, user := range []string{"agent", "supervisor"} {
		token := w.token(user)
		b.Run(user, func(b *testing.B) {
			for b.Loop() {
				_, err := w.Verify(b.Context(), token)
				require.NoError(b, err)
			}
		})
	}
}
