package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sidecar/config"
)

func newDNAddCmd(o *options) *cobra.Command {
	var settings config.DNSettings
	var fallback, passwordFile string
	var increment bool
	cmd := &cobra.Command{
		Use:   "add DN|RANGE...",
		Short: "Add DNs",
		Long: "Add DNs. What no flag says is taken from the defaults. --password-file names a file whose first line is the password;\n" +
			"{dn} in it stands for the number, and with --increment the number at its end grows from DN to DN.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := openDirectory(o)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("max-calls") {
				if err = checkMaxCalls(settings.MaxCalls); err != nil {
					return fmt.Errorf("--max-calls: %w", err)
				}
			}
			if settings.Fallback, err = config.ParseTarget(fallback); err != nil {
				return fmt.Errorf("--fallback: %w", err)
			}
			if passwordFile != "" {
				source := passwordSource{file: passwordFile}
				password, err := source.read(cmd, "the DNs")
				if err != nil {
					return err
				}
				settings.Password = config.Secret(password)
			}
			if err := d.add(args, settings, increment); err != nil {
				return err
			}
			return sayChanged(cmd, "added "+strings.Join(args, ", "))
		},
	}
	f := cmd.Flags()
	f.StringVar(&settings.Owner, "owner", "", "sidecar, asterisk-webrtc or phone")
	f.StringVar(&settings.Upstream, "upstream", "", "where the sidecar registers the DN: asterisk, or a trunk of kind genesys")
	f.StringVar(&passwordFile, "password-file", "", "take the password from the first line of `FILE` (default: random)")
	f.BoolVar(&increment, "increment", false, "let the number at the end of the password grow from DN to DN")
	f.StringVar(&fallback, "fallback", "", "where calls go while the DN can't be reached, such as voicemail:5001")
	f.StringVar(&settings.CallerID, "caller-id", "", "name shown to the called party; {dn} is the number")
	f.StringVar(&settings.Context, "context", "", "dialplan context")
	f.StringSliceVar(&settings.Codecs, "codecs", nil, "ulaw, alaw, g722, opus in order of preference")
	f.StringVar(&settings.Class, "class", "", "class of the dial rules")
	f.IntVar(&settings.MaxCalls, "max-calls", 0, "calls at a time, from 1 to 1000 (default: that of the defaults)")
	return cmd
}

// add makes one group; passwords that grow are overrides in it.
func (d *directory) add(args []string, settings config.DNSettings, increment bool) error {
	numbers, err := expandArgs(args)
	if err != nil {
		return err
	}
	places := d.places()
	for _, number := range numbers {
		if place := places[number]; place != "" {
			return fmt.Errorf("DN %s: %w: %s", number, errDNExists, place)
		}
	}
	row := dnRow{at: "dn add"}
	group := config.DNGroup{Numbers: args, DNSettings: settings}
	if increment && settings.Password != "" {
		growPasswords(&group, numbers)
	}
	return atRows(d.save(append(slices.Clone(d.managed), group)), []dnRow{row}, len(d.cfg.DNs))
}

// growPasswords turns the group's password into one for each DN.
func growPasswords(group *config.DNGroup, numbers []string) {
	first := group.Password
	group.Password = ""
	group.Overrides = make(map[string]config.DNSettings, len(numbers))
	for i, number := range numbers {
		group.Overrides[number] = config.DNSettings{Password: grown(first, i)}
	}
}

// grown adds n to the number at the end of a password, keeping its leading zeros.
func grown(password config.Secret, n int) config.Secret {
	text := password.Reveal()
	stem := strings.TrimRight(text, "0123456789")
	digits := text[len(stem):]
	if digits == "" {
		if n == 0 {
			return password
		}
		return config.Secret(text + strconv.Itoa(n))
	}
	// Only the last digits count: a long number would not fit into an integer.
	const most = 9
	if len(digits) > most {
		stem, digits = text[:len(text)-most], digits[len(digits)-most:]
	}
	start, _ := strconv.Atoi(digits) // at most nine digits
	return config.Secret(fmt.Sprintf("%s%0*d", stem, len(digits), start+n))
}

// ranges writes numbers in a row as ranges.
func ranges(numbers []string) []string {
	var out []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && follows(numbers[j], numbers[j+1]) {
			j++
		}
		if j == i {
			out = append(out, numbers[i])
		} else {
			out = append(out, numbers[i]+"-"+numbers[j])
		}
		i = j + 1
	}
	return out
}

func follows(a, b string) bool {
	x, errA := strconv.Atoi(a)
	y, errB := strconv.Atoi(b)
	return errA == nil && errB == nil && y == x+1 && len(a) == len(b)
}
