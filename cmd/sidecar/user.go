package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"sidecar/auth"
	"sidecar/store"
)

func newUserCmd(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Manage the users who may log in",
		Long: "Manage the users who may log in. The commands work on the data directory, whether the daemon runs or not;\n" +
			"a running daemon heeds every change at once.",
	}
	return group(cmd,
		newUserAddCmd(o), newUserPasswdCmd(o), newUserDisableCmd(o, true), newUserDisableCmd(o, false),
		newUserListCmd(o), newUserImportCmd(o), newUserBootstrapCmd(o),
	)
}

// userStore is what a subcommand works on.
type userStore struct {
	*auth.Directory
	dns  []string // configured
	file string   // for random passwords
}

// withUsers opens the users of the configured data directory for the time of run.
func withUsers(cmd *cobra.Command, o *options, run func(ctx context.Context, users userStore) error) (err error) {
	cfg, _, err := o.load()
	if err != nil {
		return err
	}
	plan, err := cfg.ExpandDNs()
	if err != nil {
		return err
	}
	users := userStore{file: filepath.Join(cfg.DataDir, auth.CredentialsFile)}
	for _, dn := range plan {
		users.dns = append(users.dns, dn.Number)
	}
	known := make(map[string]bool, len(users.dns))
	for _, number := range users.dns {
		known[number] = true
	}
	db, err := store.OpenDB(cmd.Context(), cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	users.Directory = auth.NewDirectory(db, func(dn string) bool { return known[dn] })
	return run(cmd.Context(), users)
}

func newUserAddCmd(o *options) *cobra.Command {
	var n auth.NewUser
	var role string
	var source passwordSource
	cmd := &cobra.Command{
		Use:   "add USER",
		Short: "Add a user; the password is asked for, or read from standard input",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n.Name, n.Role = args[0], auth.Role(role)
			password, err := source.read(cmd, n.Name)
			if err != nil {
				return err
			}
			n.Password = password
			return withUsers(cmd, o, func(ctx context.Context, users userStore) error {
				u, err := users.Create(ctx, n)
				if err != nil {
					return err
				}
				return source.report(cmd, u.Name, fmt.Sprintf("added %s %s", u.Role, u.Name), password)
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", string(auth.RoleAgent), "agent, supervisor or admin")
	cmd.Flags().StringVar(&n.DisplayName, "display-name", "", "name that others see")
	cmd.Flags().StringVar(&n.Team, "team", "", "team: its supervisors see the user's DNs")
	cmd.Flags().StringSliceVar(&n.DNs, "dns", nil, "DNs that the user may use, separated by commas")
	source.flags(cmd)
	return cmd
}

func newUserPasswdCmd(o *options) *cobra.Command {
	var source passwordSource
	cmd := &cobra.Command{
		Use:   "passwd USER",
		Short: "Set a user's password and end the user's sessions",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := source.read(cmd, args[0])
			if err != nil {
				return err
			}
			return withUsers(cmd, o, func(ctx context.Context, users userStore) error {
				u, err := users.Change(ctx, args[0], auth.Change{Password: &password})
				if err != nil {
					return err
				}
				return source.report(cmd, u.Name, "changed the password of "+u.Name, password)
			})
		},
	}
	source.flags(cmd)
	return cmd
}

func newUserDisableCmd(o *options, disable bool) *cobra.Command {
	use, short, done := "enable USER", "Let a disabled user log in again", "enabled"
	if disable {
		use, short, done = "disable USER", "Keep a user from logging in and end the user's sessions", "disabled"
	}
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withUsers(cmd, o, func(ctx context.Context, users userStore) error {
				u, err := users.Change(ctx, args[0], auth.Change{Disabled: &disable})
				if err != nil {
					return err
				}
				return say(cmd, "%s %s", done, u.Name)
			})
		},
	}
}

func newUserBootstrapCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "bootstrap",
		Short: "Make the users of a fresh system that are missing: admin, supervisor, and an agent for each DN",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withUsers(cmd, o, func(ctx context.Context, users userStore) error {
				added, err := users.Bootstrap(ctx, users.file, users.dns)
				if err != nil {
					return err
				}
				if len(added) == 0 {
					return say(cmd, "all first users are there already; their first passwords are in %s", users.file)
				}
				return say(cmd, "made %d users; their passwords are in %s", len(added), users.file)
			})
		},
	}
}

func newUserImportCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Add the users of a CSV file, all or none",
		Long: "Add the users of a CSV file (- is standard input), all or none. The first line names the columns: user and\n" +
			"role are needed, password, display_name, team and dns may be there. DNs are separated by spaces. A user\n" +
			"without a password gets a random one, which is written to credentials.txt in the data directory.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rows, err := readUserFile(cmd, args[0])
			if err != nil {
				return err
			}
			return withUsers(cmd, o, func(ctx context.Context, users userStore) error {
				if err := checkUserRows(users.Directory, rows); err != nil {
					return err
				}
				list := make([]auth.NewUser, 0, len(rows))
				for _, r := range rows {
					list = append(list, r.user)
				}
				added, err := users.Import(ctx, users.file, list)
				if err != nil {
					return err
				}
				text := fmt.Sprintf("added %d users", len(added))
				if slices.ContainsFunc(list, func(n auth.NewUser) bool { return n.Password == "" }) {
					text += "; random passwords are in " + users.file
				}
				return say(cmd, "%s", text)
			})
		},
	}
}

// say prints a line for the user of the command.
func say(cmd *cobra.Command, format string, args ...any) error {
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
