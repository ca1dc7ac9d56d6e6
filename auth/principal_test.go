package auth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
)

func TestScopeOfRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("a1", auth.RoleAgent, "red", "5001")
	w.user("a2", auth.RoleAgent, "Red", "5002")
	w.user("a3", auth.RoleAgent, "blue", "5003")
	w.user("lead", auth.RoleSupervisor, "red", "5009")
	w.user("boss", auth.RoleSupervisor, "")
	w.user("root", auth.RoleAdmin, "red")
	cases := map[string]struct{ sees, uses string }{
		"a1":   {"5001", "5001"},
		"lead": {"5001 5002 5009", "5001 5002 5009"},
		"boss": {"5001 5002 5003 5009 9999", "5001 5002 5003 5009 9999"},
		"root": {"5001 5002 5003 5009 9999", "5001 5002 5003 5009 9999"},
	}
	for name, want := range cases {
		p, err := w.Verify(t.Context(), w.token(name))
		require.NoError(t, err)
		var sees, uses string
		for _, dn := range []string{"", "5001", "5002", "5003", "5009", "9999"} {
			if dn != "" && p.MaySeeDN(dn) {
				sees += " " + dn
			}
			if dn != "" && p.MayUseDN(dn) {
				uses += " " + dn
			}
		}
		require.Equal(t, " "+want.sees, sees, name)
		require.Equal(t, " "+want.uses, uses, name)
	}
}

func TestSeeingIsNotUsing(t *testing.T) {
	t.Parallel()
	p := auth.Principal{Role: auth.RoleAgent, DNs: []string{"5001"}, Scope: []string{"5001", "5002"}}
	require.True(t, p.MaySeeDN("5002"))
	require.False(t, p.MayUseDN("5002"))
	require.False(t, p.MaySeeDN("500"))
	p.UserID = 7
	require.Equal(t, "7", p.ID())
}

func TestRoleTable(t *testing.T) {
	t.Parallel()
	verbs := []auth.Verb{
		auth.VerbViewCalls, auth.VerbMakeCall, auth.VerbHangup, auth.VerbControl, auth.VerbViewDNs,
		auth.VerbActForOthers, auth.VerbSupervise, auth.VerbViewAudit, auth.VerbManageUsers, "unknown",
	}
	table := map[auth.Role]string{
		auth.RoleAgent: "yyyyynnnnn", auth.RoleSupervisor: "yyyyyyyynn", auth.RoleAdmin: "yyyyyyyyyn", "": "nnnnnnnnnn", "else": "nnnnnnnnnn",
	}
	for role, want := range table {
		got := ""
		for _, v := range verbs {
			if role.Can(v) {
				got += "y"
			} else {
				got += "n"
			}
		}
		require.Equal(t, want, got, role)
	}
}
