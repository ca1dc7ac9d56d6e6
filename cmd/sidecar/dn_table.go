package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

const (
	formatCSV  = "csv"
	formatJSON = "json"
)

var (
	errFormat        = errors.New("the format is csv or json")
	errSecretsOutput = errors.New("--secrets needs --out FILE, or --out - to print the passwords")
)

// dnRow is a DN, or a range in an import, as tables have it.
type dnRow struct {
	Number    string   `json:"number"`
	Owner     string   `json:"owner,omitempty"`
	Upstream  string   `json:"upstream,omitempty"`
	Context   string   `json:"context,omitempty"`
	Class     string   `json:"class,omitempty"`
	Fallback  string   `json:"fallback,omitempty"`
	CallerID  string   `json:"caller_id,omitempty"`
	Codecs    []string `json:"codecs,omitempty"`
	MaxCalls  int      `json:"max_calls,omitempty"`
	Password  string   `json:"password,omitempty"`
	Increment bool     `json:"increment,omitempty"` // import only: the number at the end of the password grows

	at string // where an import has it: line 7, or entry 7
}

func columns() []string {
	return []string{"number", "owner", "upstream", "context", "class", "fallback", "caller_id", "codecs", "max_calls", "password"}
}

func (r dnRow) cells() []string {
	return []string{r.Number, r.Owner, r.Upstream, r.Context, r.Class, r.Fallback, r.CallerID, strings.Join(r.Codecs, " "), strconv.Itoa(r.MaxCalls), r.Password}
}

func newDNExportCmd(o *options) *cobra.Command {
	var out, format string
	var secrets bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the DNs as a table",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if secrets && out == "" {
				return errSecretsOutput
			}
			d, err := openDirectory(o)
			if err != nil {
				return err
			}
			rows, err := d.rows(secrets)
			if err != nil {
				return err
			}
			if out == "" || out == "-" {
				return writeRows(cmd.OutOrStdout(), format, rows, secrets)
			}
			return writeTable(out, format, rows, secrets)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FILE` to write, readable by its owner only (default: standard output)")
	cmd.Flags().StringVar(&format, "format", formatCSV, "csv or json")
	cmd.Flags().BoolVar(&secrets, "secrets", false, "include the phones' passwords")
	return cmd
}

func (d *directory) rows(secrets bool) ([]dnRow, error) {
	rows := make([]dnRow, len(d.dns))
	if secrets {
		if err := d.secrets.Ensure(d.cfg.Asterisk, d.dns); err != nil {
			return nil, err
		}
	}
	for i, dn := range d.dns {
		rows[i] = dnRow{
			Number: dn.Number, Owner: dn.Owner, Upstream: dn.Upstream, Context: dn.Context, Class: dn.Class, Fallback: dn.Fallback.String(),
			CallerID: dn.CallerID, Codecs: dn.Codecs, MaxCalls: dn.MaxCalls,
		}
		if secrets {
			password, err := d.secrets.Phone(dn)
			if err != nil {
				return nil, err
			}
			rows[i].Password = password.Reveal()
		}
	}
	return rows, nil
}

// writeTable refuses a file that is there: its mode might let others read the passwords.
func writeTable(path, format string, rows []dnRow, secrets bool) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the file that the user names
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return writeRows(f, format, rows, secrets)
}

func writeRows(w io.Writer, format string, rows []dnRow, secrets bool) error {
	switch format {
	case formatJSON:
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(rows); err != nil { //nolint:gosec // passwords are in there when the user asks for them
			return fmt.Errorf("export: %w", err)
		}
		return nil
	case formatCSV:
	default:
		return fmt.Errorf("%q: %w", format, errFormat)
	}
	last := len(columns())
	if !secrets {
		last--
	}
	table := csv.NewWriter(w)
	lines := [][]string{columns()[:last]}
	for _, row := range rows {
		lines = append(lines, row.cells()[:last])
	}
	if err := table.WriteAll(lines); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
