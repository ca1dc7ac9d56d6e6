package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sidecar/auth"
)

func newUserListCmd(o *options) *cobra.Command {
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withUsers(cmd, o, func(ctx context.Context, users userStore) error {
				all, err := users.Users(ctx)
				if err != nil {
					return err
				}
				if asCSV {
					return writeUserCSV(cmd.OutOrStdout(), all)
				}
				return writeUserTable(cmd.OutOrStdout(), all)
			})
		},
	}
	cmd.Flags().BoolVar(&asCSV, "csv", false, "as CSV that \"user import\" reads, without passwords")
	return cmd
}

func writeUserTable(w io.Writer, users []auth.User) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(table, "USER\tROLE\tTEAM\tDNS\tSTATE\tNAME")
	for _, u := range users {
		state := "enabled"
		if u.Disabled {
			state = "disabled"
		}
		_, rowErr := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", u.Name, u.Role, dash(u.Team), dash(strings.Join(u.DNs, " ")), state, u.DisplayName)
		err = errors.Join(err, rowErr)
	}
	if err = errors.Join(err, table.Flush()); err != nil {
		return fmt.Errorf("print the users: %w", err)
	}
	return nil
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func writeUserCSV(w io.Writer, users []auth.User) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"user", "role", "display_name", "team", "dns"}}
	for _, u := range users {
		rows = append(rows, []string{u.Name, string(u.Role), u.DisplayName, u.Team, strings.Join(u.DNs, " ")})
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("print the users: %w", err)
	}
	return nil
}

// userRow is a user with the place where it is written.
type userRow struct {
	file string
	line int
	user auth.NewUser
}

// userFileError is a line of a CSV file that can't be taken.
type userFileError struct {
	file string
	line int
	err  error
}

func (e *userFileError) Error() string { return fmt.Sprintf("%s, line %d: %v", e.file, e.line, e.err) }

func (e *userFileError) Unwrap() error { return e.err }

var (
	errCSVColumn  = errors.New("user, password, role, display_name, team and dns are the columns")
	errCSVNeeded  = errors.New("the columns user and role are needed")
	errCSVTwice   = errors.New("the column is there twice")
	errUserTwice  = errors.New("the file has this user twice")
	errNoUserRows = errors.New("the file has no users")
)

func readUserFile(cmd *cobra.Command, file string) ([]userRow, error) {
	if file == "-" {
		return readUserCSV(cmd.InOrStdin(), "standard input")
	}
	f, err := os.Open(file) // #nosec G304 -- the file that the user names
	if err != nil {
		return nil, fmt.Errorf("import users: %w", err)
	}
	rows, err := readUserCSV(f, file)
	return rows, errors.Join(err, f.Close())
}

func readUserCSV(r io.Reader, file string) ([]userRow, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := checkUserColumns(head); err != nil {
		return nil, &userFileError{file: file, line: 1, err: err}
	}
	var rows []userRow
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		line, _ := in.FieldPos(0)
		rows = append(rows, userRow{file: file, line: line, user: userOfRecord(head, record)})
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: %w", file, errNoUserRows)
	}
	return rows, nil
}

func checkUserColumns(head []string) error {
	seen := map[string]bool{}
	for i, name := range head {
		head[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if !slices.Contains([]string{"user", "password", "role", "display_name", "team", "dns"}, head[i]) {
			return fmt.Errorf("column %q: %w", name, errCSVColumn)
		}
		if seen[head[i]] {
			return fmt.Errorf("column %q: %w", name, errCSVTwice)
		}
		seen[head[i]] = true
	}
	if !seen["user"] || !seen["role"] {
		return errCSVNeeded
	}
	return nil
}

func userOfRecord(head, record []string) auth.NewUser {
	var n auth.NewUser
	for i, value := range record {
		switch head[i] {
		case "user":
			n.Name = strings.TrimSpace(value)
		case "password":
			n.Password = value
		case "role":
			n.Role = auth.Role(value)
		case "display_name":
			n.DisplayName = strings.TrimSpace(value)
		case "team":
			n.Team = strings.TrimSpace(value)
		case "dns":
			n.DNs = strings.Fields(value)
		}
	}
	return n
}

// checkUserRows names the first line that can't be taken, before anything is done.
func checkUserRows(users *auth.Directory, rows []userRow) error {
	seen := map[string]bool{}
	for _, r := range rows {
		n := r.user
		if n.Password == "" {
			n.Password = auth.RandomPassword()
		}
		err := users.Check(n)
		if seen[strings.ToLower(n.Name)] {
			err = errUserTwice
		}
		if err != nil {
			return &userFileError{file: r.file, line: r.line, err: err}
		}
		seen[strings.ToLower(n.Name)] = true
	}
	return nil
}
