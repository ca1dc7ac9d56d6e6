package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sidecar/config"
)

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
			return sayChanged(cmd, fmt.Sprintf("imported %d lines", len(rows)))
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
			return fmt.Errorf("%s: %w", row.at, err)
		}
		for _, number := range numbers {
			if place := places[number]; place != "" {
				return fmt.Errorf("%s: DN %s: %w: %s", row.at, number, errDNExists, place)
			}
			places[number] = "another line of the import (" + row.at + ")"
		}
		group, err := row.group(numbers)
		if err != nil {
			return fmt.Errorf("%s: DN %s: %w", row.at, row.Number, err)
		}
		groups = append(groups, group)
	}
	return atRows(d.save(groups), rows, len(d.cfg.DNs))
}

// atRows puts the lines of an import in the place of the groups that the rules speak of; the import's begin at first.
func atRows(err error, rows []dnRow, first int) error {
	invalid, ok := errors.AsType[*config.ValidationError](err)
	if !ok {
		return err
	}
	problems := slices.Clone(invalid.Problems)
	for n := range problems {
		for i, row := range rows {
			if rest, found := strings.CutPrefix(problems[n].Key, fmt.Sprintf("dns[%d].", first+i)); found {
				problems[n].Source, problems[n].Key = row.at, strings.Replace(rest, "numbers[0]", "number", 1)
				break
			}
		}
	}
	return &config.ValidationError{Problems: problems}
}

func (r dnRow) group(numbers []string) (config.DNGroup, error) {
	fallback, err := config.ParseTarget(r.Fallback)
	if err != nil {
		return config.DNGroup{}, err
	}
	group := config.DNGroup{Numbers: []string{r.Number}, DNSettings: config.DNSettings{
		Owner: r.Owner, Upstream: r.Upstream, Context: r.Context, Class: r.Class, Fallback: fallback, CallerID: r.CallerID, Codecs: r.Codecs,
		MaxCalls: r.MaxCalls, Password: config.Secret(r.Password),
	}}
	if r.Increment && r.Password != "" {
		growPasswords(&group, numbers)
	}
	return group, nil
}
