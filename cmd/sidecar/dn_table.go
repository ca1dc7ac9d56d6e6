package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sidecar/config"
)

const (
	formatCSV  = "csv"
	formatJSON = "json"
)

var (
	errFormat        = errors.New("the format is csv or json")
	errSecretsOutput = errors.New("--secrets needs --out FILE, or --out - to print the passwords")
	errColumn        = errors.New("unknown column")
	errNoNumber      = errors.New("the column number is empty")
)

// dnRow is a DN, or a range in an import, as tables have it.
type dnRow struct {
	Number    string   `json:"number"`
	Owner     string   `json:"owner,omitempty"`
	Context   string   `json:"context,omitempty"`
	Class     string   `json:"class,omitempty"`
	Fallback  string   `json:"fallback,omitempty"`
	CallerID  string   `json:"caller_id,omitempty"`
	Codecs    []string `json:"codecs,omitempty"`
	MaxCalls  int      `json:"max_calls,omitempty"`
	Password  string   `json:"password,omitempty"`
	Increment bool     `json:"increment,omitempty"` // import only: the number at the end of the password grows
}

func columns() []string {
	return []string{"number", "owner", "context", "class", "fallback", "caller_id", "codecs", "max_calls", "password"}
}

func (r dnRow) cells() []string {
	return []string{r.Number, r.Owner, r.Context, r.Class, r.Fallback, r.CallerID, strings.Join(r.Codecs, " "), strconv.Itoa(r.MaxCalls), r.Password}
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
			Number: dn.Number, Owner: dn.Owner, Context: dn.Context, Class: dn.Class, Fallback: dn.Fallback.String(),
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

func newDNImportCmd(o *options) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Add DNs from a table, all or none",
		Long: "Add DNs from a CSV table with a head line, or a JSON list; - reads standard input. Only the column number is needed,\n" +
			"and it may hold a range. The others: " + strings.Join(columns()[1:], ", ") + ", increment.\n" +
			"With increment the number at the end of the password grows from DN to DN of the range.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0]) // #nosec G304 -- the file that the user names
				if err != nil {
					return fmt.Errorf("import: %w", err)
				}
				defer func() { _ = f.Close() }() // only read
				in = f
				if strings.HasSuffix(args[0], ".json") && !cmd.Flags().Changed("format") {
					format = formatJSON
				}
			}
			rows, err := readRows(in, format)
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			d, err := openDirectory(o)
			if err != nil {
				return err
			}
			if err := d.addRows(rows); err != nil {
				return fmt.Errorf("import: nothing is changed: %w", err)
			}
			return say(cmd, "imported %d lines", len(rows))
		},
	}
	cmd.Flags().StringVar(&format, "format", formatCSV, "csv or json")
	return cmd
}

// addRows adds each row to the groups in memory and saves once.
func (d *directory) addRows(rows []dnRow) error {
	places := d.places()
	groups := slices.Clone(d.managed)
	for _, row := range rows {
		numbers, err := expandArgs([]string{row.Number})
		if err != nil {
			return err
		}
		for _, number := range numbers {
			if place := places[number]; place != "" {
				return fmt.Errorf("DN %s: %w: %s", number, errDNExists, place)
			}
			places[number] = "another line of the import"
		}
		group, err := row.group(numbers)
		if err != nil {
			return fmt.Errorf("DN %s: %w", row.Number, err)
		}
		groups = append(groups, group)
	}
	return d.save(groups)
}

func (r dnRow) group(numbers []string) (config.DNGroup, error) {
	fallback, err := config.ParseTarget(r.Fallback)
	if err != nil {
		return config.DNGroup{}, err
	}
	group := config.DNGroup{Numbers: []string{r.Number}, DNSettings: config.DNSettings{
		Owner: r.Owner, Context: r.Context, Class: r.Class, Fallback: fallback, CallerID: r.CallerID, Codecs: r.Codecs,
		MaxCalls: r.MaxCalls, Password: config.Secret(r.Password),
	}}
	if r.Increment && r.Password != "" {
		growPasswords(&group, numbers)
	}
	return group, nil
}

func readRows(r io.Reader, format string) ([]dnRow, error) {
	switch format {
	case formatCSV:
		return readCSV(r)
	case formatJSON:
		var rows []dnRow
		decoder := json.NewDecoder(r)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&rows); err != nil {
			return nil, fmt.Errorf("not a JSON list of DNs: %w", err)
		}
		return rows, checkNumbers(rows)
	default:
		return nil, fmt.Errorf("%q: %w", format, errFormat)
	}
}

func readCSV(r io.Reader) ([]dnRow, error) {
	lines, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("not a CSV table: %w", err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("line 1: %w", errNoNumber)
	}
	rows := make([]dnRow, len(lines)-1)
	for i, line := range lines[1:] {
		for j, name := range lines[0] {
			if err := rows[i].set(name, line[j]); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+2, err)
			}
		}
	}
	return rows, checkNumbers(rows)
}

func (r *dnRow) set(column, value string) (err error) {
	switch column {
	case "number":
		r.Number = value
	case "owner":
		r.Owner = value
	case "context":
		r.Context = value
	case "class":
		r.Class = value
	case "fallback":
		r.Fallback = value
	case "caller_id":
		r.CallerID = value
	case "codecs":
		r.Codecs = strings.Fields(value)
	case "password":
		r.Password = value
	case "max_calls":
		if value != "" {
			r.MaxCalls, err = strconv.Atoi(value)
		}
	case "increment":
		if value != "" {
			r.Increment, err = strconv.ParseBool(value)
		}
	default:
		return fmt.Errorf("%q: %w: there are %s, increment", column, errColumn, strings.Join(columns(), ", "))
	}
	if err != nil {
		return fmt.Errorf("column %s: %w", column, err)
	}
	return nil
}

func checkNumbers(rows []dnRow) error {
	for i, row := range rows {
		if row.Number == "" {
			return fmt.Errorf("DN %d of the table: %w", i+1, errNoNumber)
		}
	}
	return nil
}
