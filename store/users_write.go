package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"sidecar/auth"
)

func insertUser(ctx context.Context, tx querier, u auth.User) (id int64, isNew bool, err error) {
	team, err := teamID(ctx, tx, u.Team)
	if err != nil {
		return 0, false, err
	}
	now := time.Now().UnixMilli()
	err = tx.QueryRowContext(ctx, `INSERT INTO users
		(name, display_name, role, team_id, password_hash, disabled, created_at, changed_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING id`,
		u.Name, u.DisplayName, string(u.Role), team, string(u.Hash), u.Disabled, now, now).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	}
	return id, true, setDNs(ctx, tx, id, u.DNs)
}

func applyUpdate(ctx context.Context, tx querier, id auth.UserID, u auth.Update) error {
	sets := []string{"changed_at = ?"}
	args := []any{time.Now().UnixMilli()}
	set := func(column string, value any) {
		sets = append(sets, column+" = ?")
		args = append(args, value)
	}
	if u.DisplayName != nil {
		set("display_name", *u.DisplayName)
	}
	if u.Hash != nil {
		set("password_hash", string(*u.Hash))
	}
	if u.Role != nil {
		set("role", string(*u.Role))
	}
	if u.Disabled != nil {
		set("disabled", *u.Disabled)
	}
	if u.Team != nil {
		team, err := teamID(ctx, tx, *u.Team)
		if err != nil {
			return err
		}
		set("team_id", team)
	}
	if u.EndsSessions() {
		sets = append(sets, "version = version + 1")
	}
	// The columns are the constants above; every value is a parameter.
	query := "UPDATE users SET " + strings.Join(sets, ", ") + " WHERE id = ?" // #nosec G202
	if _, err := tx.ExecContext(ctx, query, append(args, int64(id))...); err != nil {
		return fmt.Errorf("change a user: %w", err)
	}
	if u.DNs != nil {
		return setDNs(ctx, tx, int64(id), *u.DNs)
	}
	return nil
}

// teamID finds or makes a team; the empty team is NULL.
func teamID(ctx context.Context, tx querier, name string) (sql.NullInt64, error) {
	if name == "" {
		return sql.NullInt64{}, nil
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO teams (name) VALUES (?) ON CONFLICT DO NOTHING", name); err != nil {
		return sql.NullInt64{}, fmt.Errorf("add a team: %w", err)
	}
	var id sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT id FROM teams WHERE name = ?", name).Scan(&id); err != nil {
		return sql.NullInt64{}, fmt.Errorf("find a team: %w", err)
	}
	return id, nil
}

func setDNs(ctx context.Context, tx querier, user int64, dns []string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM user_dns WHERE user_id = ?", user); err != nil {
		return fmt.Errorf("change the DNs of a user: %w", err)
	}
	for _, dn := range dns {
		if _, err := tx.ExecContext(ctx, "INSERT INTO user_dns (user_id, dn) VALUES (?, ?)", user, dn); err != nil {
			return fmt.Errorf("change the DNs of a user: %w", err)
		}
	}
	return nil
}

func needAdmin(ctx context.Context, tx querier) error {
	var left int
	err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE role = ? AND NOT disabled", string(auth.RoleAdmin)).Scan(&left)
	switch {
	case err != nil:
		return fmt.Errorf("count the admins: %w", err)
	case left == 0:
		return auth.ErrLastAdmin
	}
	return nil
}
