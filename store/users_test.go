package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/store"
)

func open(t testing.TB, data string) *store.DB {
	t.Helper()
	db, err := store.OpenDB(t.Context(), data)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func add(t *testing.T, db *store.DB, users ...auth.User) {
	t.Helper()
	require.NoError(t, db.AddUsers(t.Context(), users, func(added []auth.User) error {
		require.Len(t, added, len(users))
		return nil
	}))
}

func TestDatabaseIsPrivate(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "a dir?#%41", "data")
	db := open(t, data)
	add(t, db, auth.User{Name: "eva", Role: auth.RoleAgent})
	entries, err := os.ReadDir(data)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		info, statErr := e.Info()
		require.NoError(t, statErr)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, []string{"sidecar.db", "sidecar.db-shm", "sidecar.db-wal", "sidecar.db.lock"}, names)
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestReadableDatabaseIsMadePrivate(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	file := filepath.Join(data, store.DBFile)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Chmod(file, 0o644))
	open(t, data)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestUserComesBackAsItWent(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	before := time.Now().Add(-time.Second)
	db := open(t, data)
	add(t, db, auth.User{
		Name: "Eva", DisplayName: "Éva Z.", Role: auth.RoleAgent, Team: "red", DNs: []string{"5001", "5002"}, Hash: "$h", Disabled: true,
	})
	again := open(t, data) // as after a restart
	u, err := again.UserByName(t.Context(), "eva")
	require.NoError(t, err)
	require.True(t, u.CreatedAt.After(before))
	require.Equal(t, auth.User{
		ID: u.ID, Name: "Eva", DisplayName: "Éva Z.", Role: auth.RoleAgent, Team: "red", DNs: []string{"5001", "5002"}, Hash: "$h",
		Disabled: true, Version: 1, CreatedAt: u.CreatedAt, ChangedAt: u.ChangedAt,
	}, u)
	_, err = again.UserByName(t.Context(), "eva' OR '1'='1")
	require.ErrorIs(t, err, auth.ErrUserNotFound)
	require.NoError(t, again.Check(t.Context()))
}

func TestAddUsersAllOrNone(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	add(t, db, auth.User{Name: "eva", Role: auth.RoleAgent})
	refuse := errors.New("refused")
	err := db.AddUsers(t.Context(), []auth.User{{Name: "EVA", Role: auth.RoleAdmin}, {Name: "bob", Role: auth.RoleAgent}}, func(added []auth.User) error {
		require.Len(t, added, 1)
		require.Equal(t, "bob", added[0].Name)
		return refuse
	})
	require.ErrorIs(t, err, refuse)
	err = db.AddUsers(t.Context(), []auth.User{{Name: "ann", Role: auth.RoleAgent}, {Name: "x", Role: "boss"}}, func([]auth.User) error { return nil })
	require.ErrorContains(t, err, `add user "x"`)
	users, err := db.Users(t.Context())
	require.NoError(t, err)
	require.Len(t, users, 1)
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	add(t, db, auth.User{Name: "eva", Role: auth.RoleAgent, Team: "red", DNs: []string{"5001"}})
	u, err := db.UserByName(t.Context(), "eva")
	require.NoError(t, err)
	team, dns, display := "Blue", []string{"5003", "5002"}, "Eva"
	u, err = db.UpdateUser(t.Context(), u.ID, auth.Update{Team: &team, DNs: &dns, DisplayName: &display})
	require.NoError(t, err)
	require.EqualValues(t, 1, u.Version, "what the user may see is read anew: the session can go on")
	require.Equal(t, []string{"5002", "5003"}, u.DNs)
	require.Equal(t, "Blue", u.Team)

	hash, role, disabled, none := auth.Hash("$new"), auth.RoleSupervisor, true, ""
	for version, change := range []auth.Update{{Hash: &hash}, {Role: &role}, {Disabled: &disabled}} {
		u, err = db.UpdateUser(t.Context(), u.ID, change)
		require.NoError(t, err)
		require.EqualValues(t, version+2, u.Version)
	}
	u, err = db.UpdateUser(t.Context(), u.ID, auth.Update{Team: &none, DNs: &[]string{}})
	require.NoError(t, err)
	require.Empty(t, u.Team)
	require.Empty(t, u.DNs)
	require.Equal(t, hash, u.Hash)
	_, err = db.UpdateUser(t.Context(), 99, auth.Update{Team: &none})
	require.ErrorIs(t, err, auth.ErrUserNotFound)
}

func TestLastAdmin(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	add(t, db, auth.User{Name: "one", Role: auth.RoleAdmin}, auth.User{Name: "two", Role: auth.RoleAdmin})
	one, err := db.UserByName(t.Context(), "one")
	require.NoError(t, err)
	two, err := db.UserByName(t.Context(), "two")
	require.NoError(t, err)
	disabled, role, display := true, auth.RoleAgent, "x"
	_, err = db.UpdateUser(t.Context(), one.ID, auth.Update{Disabled: &disabled})
	require.NoError(t, err)
	_, err = db.UpdateUser(t.Context(), two.ID, auth.Update{Disabled: &disabled})
	require.ErrorIs(t, err, auth.ErrLastAdmin)
	_, err = db.UpdateUser(t.Context(), two.ID, auth.Update{Role: &role})
	require.ErrorIs(t, err, auth.ErrLastAdmin)
	u, err := db.UpdateUser(t.Context(), two.ID, auth.Update{DisplayName: &display})
	require.NoError(t, err)
	require.Equal(t, auth.RoleAdmin, u.Role)
	require.EqualValues(t, 1, u.Version, "refused changes leave nothing behind")
}

func TestBearer(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	add(t, db, auth.User{Name: "a", Role: auth.RoleAgent, Team: "red", DNs: []string{"5002", "5001"}},
		auth.User{Name: "b", Role: auth.RoleAgent, Team: "RED", DNs: []string{"5001"}, Disabled: true},
		auth.User{Name: "c", Role: auth.RoleAgent, Team: "blue", DNs: []string{"5003"}}, auth.User{Name: "d", Role: auth.RoleAgent, DNs: []string{"5004"}},
		auth.User{Name: "red's", Role: auth.RoleSupervisor, Team: "Red", DNs: []string{"5009"}}, auth.User{Name: "nobody's", Role: auth.RoleSupervisor, Team: "green"},
		auth.User{Name: "everybody's", Role: auth.RoleSupervisor}, auth.User{Name: "root", Role: auth.RoleAdmin, Team: "red"})
	for name, team := range map[string][]string{
		"a": nil, "d": nil, "red's": {"5001", "5002", "5009"}, "nobody's": nil, "everybody's": nil, "root": nil,
	} {
		u, err := db.UserByName(t.Context(), name)
		require.NoError(t, err)
		b, err := db.Bearer(t.Context(), u.ID, "a token")
		require.NoError(t, err)
		require.Equal(t, auth.Bearer{User: u, TeamDNs: team}, b)
	}
	_, err := db.Bearer(t.Context(), 99, "a token")
	require.ErrorIs(t, err, auth.ErrUserNotFound)
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	db := open(t, data)
	add(t, db, auth.User{Name: "eva", Role: auth.RoleAgent})
	require.NoError(t, db.Revoke(t.Context(), "old", time.Now().Add(-time.Minute)))
	require.NoError(t, db.Revoke(t.Context(), "new", time.Now().Add(time.Hour)))
	require.NoError(t, db.Revoke(t.Context(), "new", time.Now().Add(time.Hour)), "twice is not an error")
	for token, want := range map[string]bool{"old": false, "new": true, "other": false} {
		b, err := open(t, data).Bearer(t.Context(), 1, token)
		require.NoError(t, err)
		require.Equal(t, want, b.Revoked, token)
	}
}

// The daemon and the command line have the database open at once, each with its own handle.
func TestTwoHandlesAtOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	const handles, each = 4, 10
	errs := make([]error, handles)
	var all sync.WaitGroup
	for h := range handles {
		all.Go(func() { errs[h] = addSome(t.Context(), data, h, each) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	users, err := open(t, data).Users(t.Context())
	require.NoError(t, err)
	require.Len(t, users, handles*each+1)
}

// addSome opens the database, which may be new, and adds users of its own and one that others add as well.
func addSome(ctx context.Context, data string, handle, count int) (err error) {
	db, err := store.OpenDB(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for i := range count {
		u := auth.User{Name: fmt.Sprintf("u%d-%d", handle, i), Role: auth.RoleAgent, Team: "red", DNs: []string{"5001"}}
		err := db.AddUsers(ctx, []auth.User{u, {Name: "shared", Role: auth.RoleAgent}}, func([]auth.User) error { return nil })
		if err != nil {
			return err
		}
		shared, err := db.UserByName(ctx, "shared")
		if err != nil {
			return err
		}
		name := u.Name
		if _, err := db.UpdateUser(ctx, shared.ID, auth.Update{DisplayName: &name}); err != nil {
			return err
		}
	}
	return nil
}

func TestChangeIsSeenByTheOtherHandle(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	daemon, command := open(t, data), open(t, data)
	add(t, command, auth.User{Name: "eva", Role: auth.RoleAgent})
	u, err := daemon.UserByName(t.Context(), "eva")
	require.NoError(t, err)
	disabled := true
	_, err = command.UpdateUser(t.Context(), u.ID, auth.Update{Disabled: &disabled})
	require.NoError(t, err)
	b, err := daemon.Bearer(t.Context(), u.ID, "a token")
	require.NoError(t, err)
	require.True(t, b.Disabled)
}

func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(data, store.DBFile), []byte("this is not a database, and long enough to tell"), 0o600))
	_, err := store.OpenDB(t.Context(), data)
	require.ErrorContains(t, err, filepath.Join(data, store.DBFile))
}

func BenchmarkOpenDB(b *testing.B) {
	data := b.TempDir()
	for b.Loop() {
		db, err := store.OpenDB(b.Context(), data)
		require.NoError(b, err)
		require.NoError(b, db.Close())
	}
}
