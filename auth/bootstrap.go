package auth

import (
	"context"
	"fmt"

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

// addFirst hashes on all processors, since a system has many first users, then adds them all or none. The
// passwords are in the file before the users exist: a password that nobody knows can't come to be.
func (d *Directory) addFirst(ctx context.Context, file string, have []User, wanted []NewUser) ([]User, error) {
	missing := without(wanted, have)
	if len(missing) == 0 {
		return nil, nil
	}
	ready := make([]User, len(missing))
	passwords := make(map[string]string, len(missing))
	group, groupCtx := errgroup.WithContext(ctx)
	for i := range missing {
		missing[i].Password = RandomPassword()
		passwords[missing[i].Name] = missing[i].Password
		group.Go(func() error {
			var err error
			ready[i], err = d.prepare(groupCtx, missing[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("make the first users: %w", err)
	}
	var added []User
	err := d.store.AddUsers(ctx, ready, func(a []User) error {
		added = a
		return writeCredentials(file, a, passwords)
	})
	if err != nil {
		return nil, fmt.Errorf("make the first users: %w", err)
	}
	return added, nil
}
