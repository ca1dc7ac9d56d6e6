package auth_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/store"
)

func TestPasswordHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("eva", auth.RoleAgent, "")
	w.user("bob", auth.RoleAgent, "")
	eva, err := w.dir.User(t.Context(), "eva")
	require.NoError(t, err)
	bob, err := w.dir.User(t.Context(), "bob")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, string(eva.Hash))
	require.NotEqual(t, eva.Hash, bob.Hash, "the salt is random")

	// Made by the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
	reference := auth.Hash("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	good, err := w.dir.PasswordMatches(reference, "password")
	require.NoError(t, err)
	require.True(t, good)
	for _, bad := range []auth.Hash{
		"", "plain", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA",
		"$argon2id$v=19$m=8,t=1,p=1$!$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=8$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
	} {
		_, err := w.dir.PasswordMatches(bad, "x")
		require.Error(t, err, string(bad))
	}
}

func TestRandomPassword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		p := auth.RandomPassword()
		require.Regexp(t, `^[a-z2-7]{4}(-[a-z2-7]{4}){3}$`, p)
		require.False(t, seen[p])
		seen[p] = true
	}
}

func TestUserRules(t *testing.T) {
	t.Parallel()
	dir := auth.NewDirectory(nil, func(dn string) bool { return strings.HasPrefix(dn, "50") })
	good := auth.NewUser{Name: "eva.z@site-1", Password: "12345678", Role: "Agent", Team: "Süd 1", DNs: []string{"5001"}, DisplayName: "Éva"}
	require.NoError(t, dir.Check(good))
	cases := map[string]func(*auth.NewUser){
		"user":        func(n *auth.NewUser) { n.Name = "" },
		"user ":       func(n *auth.NewUser) { n.Name = "a b" },
		"user  ":      func(n *auth.NewUser) { n.Name = "a\n" },
		"user   ":     func(n *auth.NewUser) { n.Name = strings.Repeat("a", 65) },
		"password":    func(n *auth.NewUser) { n.Password = "1234567" },
		"password ":   func(n *auth.NewUser) { n.Password = strings.Repeat("a", 257) },
		"password  ":  func(n *auth.NewUser) { n.Password = "12345678\n" },
		"password   ": func(n *auth.NewUser) { n.Password = "12345678\xff" },
		"role":        func(n *auth.NewUser) { n.Role = "" },
		"team":        func(n *auth.NewUser) { n.Team = "a\tb" },
		"displayName": func(n *auth.NewUser) { n.DisplayName = "a\x1b[31m" },
		"dns[1]":      func(n *auth.NewUser) { n.DNs = []string{"5001", "6001"} },
		"dns[0]":      func(n *auth.NewUser) { n.DNs = []string{"50,01"} },
		"dns":         func(n *auth.NewUser) { n.DNs = make([]string, 1001) },
	}
	for field, edit := range cases {
		n := good
		edit(&n)
		var broken *auth.FieldError
		require.ErrorAs(t, dir.Check(n), &broken, field)
		require.Equal(t, strings.TrimSpace(field), broken.Field)
		require.NotContains(t, broken.Error(), "1234567")
	}
}

func TestEnsureAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(w.data, auth.CredentialsFile)
	added, err := w.dir.EnsureAdmin(t.Context(), file)
	require.NoError(t, err)
	require.Len(t, added, 1)
	lines := credentials(t, file)
	require.Len(t, lines, 1)
	_, p, err := w.Login(t.Context(), "admin", lines["admin"], "")
	require.NoError(t, err)
	require.Equal(t, auth.RoleAdmin, p.Role)

	added, err = w.dir.EnsureAdmin(t.Context(), file)
	require.NoError(t, err)
	require.Empty(t, added)
	require.Equal(t, lines, credentials(t, file))
}

func TestBootstrapIsIdempotent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(w.data, auth.CredentialsFile)
	_, err := w.dir.Bootstrap(t.Context(), file, []string{"5001", "5002"})
	require.NoError(t, err)
	first := credentials(t, file)
	require.Len(t, first, 4)
	_, p, err := w.Login(t.Context(), "supervisor", first["supervisor"], "")
	require.NoError(t, err)
	require.Equal(t, []string{"5001", "5002"}, p.Scope, "the supervisor has the agents' team")

	added, err := w.dir.Bootstrap(t.Context(), file, []string{"5001", "5002", "5003"})
	require.NoError(t, err)
	require.Len(t, added, 1, "only the new DN gets a user")
	second := credentials(t, file)
	for name, password := range first {
		require.Equal(t, password, second[name])
	}
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := filepath.Glob(file + ".*")
	require.NoError(t, err)
	require.Empty(t, left, "no half-written file stays")
}

// The daemon's first start and the command may run at once: whichever is second must not write passwords down
// that do not count.
func TestBootstrapAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(w.data, auth.CredentialsFile)
	var all sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		all.Go(func() {
			db, err := store.OpenDB(t.Context(), w.data)
			if err != nil {
				errs[i] = err
				return
			}
			_, errs[i] = auth.NewDirectory(db, nil).Bootstrap(t.Context(), file, []string{"5001"})
			if err := db.Close(); errs[i] == nil {
				errs[i] = err
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	for name, password := range credentials(t, file) {
		_, _, err := w.Login(t.Context(), name, password, "")
		require.NoError(t, err, name)
	}
}

func TestBootstrapWithoutAPlaceForPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.dir.EnsureAdmin(t.Context(), filepath.Join(w.data, "missing", "credentials.txt"))
	require.ErrorIs(t, err, os.ErrNotExist)
	users, err := w.dir.Users(t.Context())
	require.NoError(t, err)
	require.Empty(t, users, "no admin whose password nobody knows")
}

func credentials(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	passwords := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(line, "\t"); len(fields) == 4 {
			require.NotContains(t, passwords, fields[0])
			passwords[fields[0]] = fields[1]
		}
	}
	return passwords
}

func BenchmarkBootstrap22(b *testing.B) {
	dns := make([]string, 20)
	for i := range dns {
		dns[i] = "50" + string(rune('0'+i/10)) + string(rune('0'+i%10))
	}
	for b.Loop() {
		data := b.TempDir()
		db, err := store.OpenDB(b.Context(), data)
		require.NoError(b, err)
		_, err = auth.NewDirectory(db, nil).Bootstrap(b.Context(), filepath.Join(data, "c"), dns)
		require.NoError(b, err)
		require.NoError(b, db.Close())
	}
}
