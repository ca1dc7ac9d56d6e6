package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sidecar/auth"
)

const (
	userColumns = `SELECT u.id, u.name, u.display_name, u.role, coalesce(t.name, ''), u.password_hash, u.disabled,
	u.version, u.created_at, u.changed_at,
	coalesce((SELECT group_concat(d.dn) FROM user_dns d WHERE d.user_id = u.id), '')`
	userTables = ` FROM users u LEFT JOIN teams t ON t.id = u.team_id `
	selectUser = userColumns + userTables

	selectBearer = userColumns + `,
	CASE WHEN u.role = ? THEN coalesce((SELECT group_concat(DISTINCT d.dn)
		FROM users m JOIN user_dns d ON d.user_id = m.id WHERE m.team_id = u.team_id), '') ELSE '' END,
	EXISTS (SELECT 1 FROM revoked_tokens WHERE id = ?)` + userTables + "WHERE u.id = ?"
)

// querier is what a statement runs on: the database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Bearer implements auth.UserStore.
func (db *DB) Bearer(ctx context.Context, id auth.UserID, tokenID string) (auth.Bearer, error) {
	var b auth.Bearer
	var team string
	var err error
	row := db.bearer.QueryRowContext(ctx, string(auth.RoleSupervisor), tokenID, int64(id))
	b.User, err = scanUser(row, &team, &b.Revoked)
	b.TeamDNs = splitDNs(team)
	return b, err
}

// UserByName implements auth.UserStore.
func (db *DB) UserByName(ctx context.Context, name string) (auth.User, error) {
	return scanUser(db.sql.QueryRowContext(ctx, selectUser+"WHERE u.name = ?", name))
}

// Users implements auth.UserStore.
func (db *DB) Users(ctx context.Context) ([]auth.User, error) {
	rows, err := db.sql.QueryContext(ctx, selectUser+"ORDER BY u.name")
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err tells what went wrong
	var users []auth.User
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	return users, nil
}

// AddUsers implements auth.UserStore.
func (db *DB) AddUsers(ctx context.Context, users []auth.User, confirm func(added []auth.User) error) error {
	return db.inTx(ctx, func(tx *sql.Tx) error {
		var added []auth.User
		for _, u := range users {
			id, isNew, err := insertUser(ctx, tx, u)
			if err != nil {
				return fmt.Errorf("add user %q: %w", u.Name, err)
			}
			if !isNew {
				continue
			}
			stored, err := scanUser(tx.QueryRowContext(ctx, selectUser+"WHERE u.id = ?", id))
			if err != nil {
				return err
			}
			added = append(added, stored)
		}
		return confirm(added)
	})
}

// UpdateUser implements auth.UserStore.
func (db *DB) UpdateUser(ctx context.Context, id auth.UserID, u auth.Update) (auth.User, error) {
	var changed auth.User
	err := db.inTx(ctx, func(tx *sql.Tx) error {
		before, err := scanUser(tx.QueryRowContext(ctx, selectUser+"WHERE u.id = ?", int64(id)))
		if err != nil {
			return err
		}
		if err = applyUpdate(ctx, tx, id, u); err != nil {
			return err
		}
		if before.Role == auth.RoleAdmin && !before.Disabled {
			if err = needAdmin(ctx, tx); err != nil {
				return err
			}
		}
		changed, err = scanUser(tx.QueryRowContext(ctx, selectUser+"WHERE u.id = ?", int64(id)))
		return err
	})
	return changed, err
}

// Revoke implements auth.RevocationStore. Tokens that have expired by now are forgotten.
func (db *DB) Revoke(ctx context.Context, tokenID string, until time.Time) error {
	return db.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM revoked_tokens WHERE expires_at < ?", time.Now().UnixMilli()); err != nil {
			return fmt.Errorf("forget expired tokens: %w", err)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO revoked_tokens (id, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
			tokenID, until.UnixMilli())
		if err != nil {
			return fmt.Errorf("revoke a token: %w", err)
		}
		return nil
	})
}

// inTx runs fn in a transaction, which is kept when fn succeeds.
func (db *DB) inTx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err := fn(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			return errors.Join(err, undo)
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// scanUser reads the user's columns, and into the others what follows them.
func scanUser(row interface{ Scan(dest ...any) error }, others ...any) (auth.User, error) {
	var u auth.User
	var role, hash, dns string
	var created, changed int64
	columns := []any{&u.ID, &u.Name, &u.DisplayName, &role, &u.Team, &hash, &u.Disabled, &u.Version, &created, &changed, &dns}
	err := row.Scan(append(columns, others...)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return auth.User{}, auth.ErrUserNotFound
	case err != nil:
		return auth.User{}, fmt.Errorf("read a user: %w", err)
	}
	u.Role, u.Hash, u.DNs = auth.Role(role), auth.Hash(hash), splitDNs(dns)
	u.CreatedAt, u.ChangedAt = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return u, nil
}

// splitDNs reads what group_concat wrote; its order is not defined.
func splitDNs(list string) []string {
	if list == "" {
		return nil
	}
	dns := strings.Split(list, ",")
	slices.Sort(dns)
	return dns
}
