package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sidecar/config"
)

var (
	errNoSuchDN    = errors.New("no such DN")
	errDNOfConfig  = errors.New("the configuration defines this DN, so it can't be changed by command: edit it there")
	errDNExists    = errors.New("this DN exists already")
	errDNRange     = errors.New("not a DN or a range")
	errDNPasswords = errors.New("a random password is for one DN; use --password-file with {dn} for several")
)

func newDNCmd(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dn",
		Short: "Manage the agents' DNs",
		Long: "Manage the agents' DNs. DNs that are added here are kept in the data directory, in addition to those of the\n" +
			"configuration file. Asterisk knows of a change after 'sidecar generate --apply'.",
	}
	return group(cmd, newDNListCmd(o), newDNAddCmd(o), newDNRemoveCmd(o), newDNPasswordCmd(o), newDNExportCmd(o), newDNImportCmd(o))
}

// directory is what the dn commands work on.
type directory struct {
	cfg     *config.Config
	sources *config.Sources
	secrets *config.Secrets
	dns     []config.DN
	managed []config.DNGroup
}

func openDirectory(o *options) (*directory, error) {
	cfg, sources, err := o.load()
	if err != nil {
		return nil, err
	}
	d := &directory{cfg: cfg, sources: sources}
	if d.dns, err = cfg.ExpandDNs(); err != nil {
		return nil, err
	}
	if d.managed, err = config.LoadManagedDNs(cfg.DataDir); err != nil {
		return nil, err
	}
	if d.secrets, err = config.OpenSecrets(cfg.DataDir); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *directory) find(number string) (config.DN, error) {
	i := slices.IndexFunc(d.dns, func(dn config.DN) bool { return dn.Number == number })
	if i < 0 {
		return config.DN{}, fmt.Errorf("DN %q: %w", number, errNoSuchDN)
	}
	return d.dns[i], nil
}

// places says for each DN where it is defined. The DNs of the data directory come after those of the configuration.
func (d *directory) places() map[string]string {
	places := map[string]string{}
	own := len(d.cfg.DNs) - len(d.managed)
	for g, group := range d.cfg.DNs {
		for i, text := range group.Numbers {
			place := config.ManagedFile
			if g < own {
				place = d.origin(g, i)
			}
			numbers, _ := config.ExpandNumbers(text) // was expanded when it was loaded
			for _, number := range numbers {
				places[number] = place
			}
		}
	}
	return places
}

func (d *directory) origin(group, entry int) string {
	path := fmt.Sprintf("dns[%d].numbers[%d]", group, entry)
	for _, key := range []string{path, fmt.Sprintf("dns[%d].numbers", group), "dns"} {
		if origin := d.sources.Of(key); origin.Layer != config.LayerDefault {
			return path + " of " + origin.String()
		}
	}
	return path + " of the defaults"
}

// save checks the whole configuration with the new groups before it writes them.
func (d *directory) save(groups []config.DNGroup) error {
	next := *d.cfg
	next.DNs = append(slices.Clone(d.cfg.DNs[:len(d.cfg.DNs)-len(d.managed)]), groups...)
	if _, err := next.ExpandDNs(); err != nil {
		return err
	}
	if err := next.Validate(); err != nil {
		return err
	}
	return config.SaveManagedDNs(d.cfg.DataDir, groups)
}

// expandArgs reads DNs and ranges, each with its place in the command line named when it is wrong.
func expandArgs(args []string) ([]string, error) {
	var numbers []string
	for _, arg := range args {
		some, rule := config.ExpandNumbers(arg)
		if rule != "" {
			return nil, fmt.Errorf("%q: %w: %s", arg, errDNRange, rule)
		}
		numbers = append(numbers, some...)
	}
	return numbers, nil
}

func newDNListCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the DNs and where each is defined",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := openDirectory(o)
			if err != nil {
				return err
			}
			places := d.places()
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			lines := []string{"DN\tOWNER\tCONTEXT\tCLASS\tFALLBACK\tDEFINED IN"}
			for _, dn := range d.dns {
				fallback := dn.Fallback.String()
				if fallback == "" {
					fallback = "-"
				}
				lines = append(lines, strings.Join([]string{dn.Number, dn.Owner, dn.Context, dn.Class, fallback, places[dn.Number]}, "\t"))
			}
			if _, err := fmt.Fprintln(w, strings.Join(lines, "\n")); err != nil {
				return fmt.Errorf("print: %w", err)
			}
			if err := w.Flush(); err != nil {
				return fmt.Errorf("print: %w", err)
			}
			return nil
		},
	}
}

// sayChanged tells what was done to the DNs, and what is left to do.
func sayChanged(cmd *cobra.Command, done string) error {
	if err := say(cmd, "%s", done); err != nil {
		return err
	}
	return sayNext(cmd)
}

// sayNext is needed since neither Asterisk nor a running daemon looks at the data directory by itself.
func sayNext(cmd *cobra.Command) error {
	return say(cmd, "next: 'sidecar generate --apply' for Asterisk, then restart the sidecar (calls of SIP phones go on, those of browsers end)")
}

func newDNRemoveCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "remove DN|RANGE...",
		Short: "Remove DNs that were added by command",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := openDirectory(o)
			if err != nil {
				return err
			}
			numbers, err := expandArgs(args)
			if err != nil {
				return err
			}
			if err := d.remove(numbers); err != nil {
				return err
			}
			return sayChanged(cmd, "removed "+strings.Join(args, ", "))
		},
	}
}

func (d *directory) remove(numbers []string) error {
	places := d.places()
	gone := map[string]bool{}
	for _, number := range numbers {
		switch place := places[number]; place {
		case "":
			return fmt.Errorf("DN %q: %w", number, errNoSuchDN)
		case config.ManagedFile:
			gone[number] = true
		default:
			return fmt.Errorf("DN %s: %w: %s", number, errDNOfConfig, place)
		}
	}
	if err := d.save(without(d.managed, gone)); err != nil {
		return err
	}
	for _, number := range numbers {
		// A DN that comes again later is somebody else's phone: it must not have the old password.
		if err := d.secrets.ForgetPhone(number); err != nil {
			return err
		}
	}
	return nil
}

// without takes numbers out of groups, and groups that are empty then.
func without(groups []config.DNGroup, gone map[string]bool) []config.DNGroup {
	var left []config.DNGroup
	for _, group := range groups {
		var stay []string
		for _, text := range group.Numbers {
			numbers, _ := config.ExpandNumbers(text) // was expanded when it was loaded
			stay = append(stay, slices.DeleteFunc(numbers, func(n string) bool { return gone[n] })...)
		}
		if len(stay) == 0 {
			continue
		}
		group.Numbers = ranges(stay)
		overrides := map[string]config.DNSettings{}
		for number, settings := range group.Overrides {
			if !gone[number] {
				overrides[number] = settings
			}
		}
		group.Overrides = overrides
		left = append(left, group)
	}
	return left
}

func newDNPasswordCmd(o *options) *cobra.Command {
	source := &passwordSource{}
	cmd := &cobra.Command{
		Use:   "set-password DN|RANGE...",
		Short: "Give the phones of DNs a password of their own",
		Long: "Give the phones of DNs a password of their own, typed, piped in, random, or from a file. {dn} in it stands for the\n" +
			"number. It goes over what the configuration says.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := openDirectory(o)
			if err != nil {
				return err
			}
			numbers, err := expandArgs(args)
			if err != nil {
				return err
			}
			if source.random && len(numbers) > 1 {
				return errDNPasswords
			}
			dns := make([]config.DN, len(numbers))
			for i, number := range numbers {
				if dns[i], err = d.find(number); err != nil {
					return err
				}
			}
			password, err := source.read(cmd, "DN "+strings.Join(args, ", "))
			if err != nil {
				return err
			}
			for _, dn := range dns {
				if err := d.secrets.SetPhone(dn, config.Secret(strings.ReplaceAll(password, "{dn}", dn.Number))); err != nil {
					return err
				}
			}
			if err := source.report(cmd, "DN "+strings.Join(args, ", "), "password set", password); err != nil {
				return err
			}
			return sayNext(cmd)
		},
	}
	source.flags(cmd)
	return cmd
}
