package auth

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// The users that a fresh system gets.
const (
	FirstAdmin      = "admin"
	FirstSupervisor = "supervisor"
	FirstTeam       = "default"
)

// EnsureAdmin makes the first admin with a random password, written to file, unless there is an admin already.
func (d *Directory) EnsureAdmin(ctx context.Context, file string) ([]User, error) {
	users, err := d.Users(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if u.Role == RoleAdmin {
			return nil, nil
		}
	}
	return d.addFirst(ctx, file, users, []NewUser{{Name: FirstAdmin, DisplayName: "Administrator", Role: RoleAdmin}})
}

// Bootstrap makes the users of a fresh system that are missing: the first admin, a supervisor, and for each DN an
// agent of its name in the team "default". It gives those it made; their random passwords are in file (0600).
func (d *Directory) Bootstrap(ctx context.Context, file string, dns []string) ([]User, error) {
	admins, err := d.EnsureAdmin(ctx, file)
	if err != nil {
		return nil, err
	}
	users, err := d.Users(ctx)
	if err != nil {
		return nil, err
	}
	wanted := []NewUser{{Name: FirstSupervisor, DisplayName: "Supervisor", Role: RoleSupervisor, Team: FirstTeam}}
	for _, dn := range dns {
		wanted = append(wanted, NewUser{
			Name: dn, DisplayName: "Agent " + dn, Role: RoleAgent, Team: FirstTeam, DNs: []string{dn},
		})
	}
	others, err := d.addFirst(ctx, file, users, wanted)
	return append(admins, others...), err
}

// Import adds all users or none; it fails with ErrUserExists when a name is taken. Users without a password get a
// random one, which is in file (0600).
func (d *Directory) Import(ctx context.Context, file string, users []NewUser) ([]User, error) {
	return d.addAll(ctx, file, slices.Clone(users), func(added []User) error {
		if len(added) == len(users) {
			return nil
		}
		taken := without(users, added)
		return fmt.Errorf("user %q: %w", taken[0].Name, ErrUserExists)
	})
}

func (d *Directory) addFirst(ctx context.Context, file string, have []User, wanted []NewUser) ([]User, error) {
	return d.addAll(ctx, file, without(wanted, have), func([]User) error { return nil })
}

// addAll hashes on all processors, since a system has many first users, then adds them in one go. Random passwords
// are in the file before the users exist: a password that nobody knows can't come to be.
func (d *Directory) addAll(ctx context.Context, file string, users []NewUser, check func(added []User) error) ([]User, error) {
	if len(users) == 0 {
		return nil, nil
	}
	ready := make([]User, len(users))
	passwords := map[string]string{}
	group, groupCtx := errgroup.WithContext(ctx)
	for i, n := range users {
		if n.Password == "" {
			n.Password = RandomPassword()
			passwords[n.Name] = n.Password
		}
		group.Go(func() error {
			var err error
			if ready[i], err = d.prepare(groupCtx, n); err != nil {
				return fmt.Errorf("user %q: %w", n.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var added []User
	err := d.store.AddUsers(ctx, ready, func(a []User) error {
		if err := check(a); err != nil {
			return err
		}
		added = a
		return writeCredentials(file, a, passwords)
	})
	if err != nil {
		return nil, fmt.Errorf("add users: %w", err)
	}
	return added, nil
}
