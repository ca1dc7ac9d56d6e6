package auth

import (
	"context"
	"fmt"
)

// Directory manages the users.
type Directory struct {
	store   UserStore
	hasher  *hasher
	knownDN func(string) bool
}

// NewDirectory makes a Directory. knownDN says which DNs exist; nil takes any.
func NewDirectory(store UserStore, knownDN func(string) bool) *Directory {
	return &Directory{store: store, hasher: newHasher(), knownDN: knownDN}
}

// Users gives all users by name.
func (d *Directory) Users(ctx context.Context) ([]User, error) {
	users, err := d.store.Users(ctx)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// User finds a user by name; it fails with ErrUserNotFound.
func (d *Directory) User(ctx context.Context, name string) (User, error) {
	u, err := d.store.UserByName(ctx, name)
	if err != nil {
		return User{}, fmt.Errorf("user %q: %w", name, err)
	}
	return u, nil
}

// Create adds a user. It fails with *FieldError or ErrUserExists.
func (d *Directory) Create(ctx context.Context, n NewUser) (User, error) {
	u, err := d.prepare(ctx, n)
	if err != nil {
		return User{}, err
	}
	var added []User
	err = d.store.AddUsers(ctx, []User{u}, func(a []User) error { added = a; return nil })
	if err != nil {
		return User{}, fmt.Errorf("add user %q: %w", n.Name, err)
	}
	if len(added) == 0 {
		return User{}, fmt.Errorf("add user %q: %w", n.Name, ErrUserExists)
	}
	return added[0], nil
}

// Check reports the first rule that n breaks, without making the user.
func (d *Directory) Check(n NewUser) error {
	_, err := d.check(n)
	return err
}

// Change changes a user. It fails with *FieldError, ErrUserNotFound or ErrLastAdmin.
func (d *Directory) Change(ctx context.Context, name string, c Change) (User, error) {
	u, err := d.User(ctx, name)
	if err != nil {
		return User{}, err
	}
	update, err := d.update(ctx, c)
	if err != nil {
		return User{}, err
	}
	changed, err := d.store.UpdateUser(ctx, u.ID, update)
	if err != nil {
		return User{}, fmt.Errorf("change user %q: %w", name, err)
	}
	return changed, nil
}

func (d *Directory) update(ctx context.Context, c Change) (Update, error) {
	u := Update{DisplayName: c.DisplayName, Team: c.Team, Disabled: c.Disabled}
	if c.DisplayName != nil {
		if err := checkDisplayName(*c.DisplayName); err != nil {
			return Update{}, err
		}
	}
	if c.Team != nil {
		if err := checkTeam(*c.Team); err != nil {
			return Update{}, err
		}
	}
	if c.Role != nil {
		role, err := ParseRole(string(*c.Role))
		if err != nil {
			return Update{}, err
		}
		u.Role = &role
	}
	if c.DNs != nil {
		dns, err := checkDNs(*c.DNs, d.knownDN)
		if err != nil {
			return Update{}, err
		}
		u.DNs = &dns
	}
	if c.Password != nil {
		if err := checkPassword(*c.Password); err != nil {
			return Update{}, err
		}
		hash, err := d.hasher.hash(ctx, *c.Password)
		if err != nil {
			return Update{}, err
		}
		u.Hash = &hash
	}
	return u, nil
}

func (d *Directory) check(n NewUser) (User, error) {
	if err := checkName(n.Name); err != nil {
		return User{}, err
	}
	if err := checkPassword(n.Password); err != nil {
		return User{}, err
	}
	if err := checkDisplayName(n.DisplayName); err != nil {
		return User{}, err
	}
	if err := checkTeam(n.Team); err != nil {
		return User{}, err
	}
	role, err := ParseRole(string(n.Role))
	if err != nil {
		return User{}, err
	}
	dns, err := checkDNs(n.DNs, d.knownDN)
	if err != nil {
		return User{}, err
	}
	return User{Name: n.Name, DisplayName: n.DisplayName, Role: role, Team: n.Team, DNs: dns}, nil
}

// prepare checks everything before it spends time on the hash.
func (d *Directory) prepare(ctx context.Context, n NewUser) (User, error) {
	u, err := d.check(n)
	if err != nil {
		return User{}, err
	}
	u.Hash, err = d.hasher.hash(ctx, n.Password)
	return u, err
}
