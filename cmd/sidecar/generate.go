package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sidecar/ari"
	"sidecar/config"
	"sidecar/pjsipgen"
)

// exitError ends the program with a code of its own.
type exitError struct {
	code int
	err  error // nil: everything is said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitDiffers is the code of generate --check when the directory is not what would be generated.
const exitDiffers = 1

var errGenerateFlags = errors.New("--check, --diff and --apply exclude each other")

var errOneDirectory = errors.New("several Asterisks would be written to one directory: give each a config_dir, or name one with --asterisk")

type generateOptions struct {
	*options

	out, server        string
	check, diff, apply bool
}

func newGenerateCmd(o *options) *cobra.Command {
	g := &generateOptions{options: o}
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Write Asterisk's configuration files",
		Long: "Write Asterisk's configuration files, the nginx site and the desktop widget. Each file is replaced in one step, the\n" +
			"set that was there before is kept in .last-good, and files that sidecar didn't write are left alone.\n" +
			"With --apply the running Asterisk takes the files without dropping a call; if an endpoint is missing afterwards, the\n" +
			"old files are put back. What needs a restart of Asterisk is written and reported.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.run(cmd) },
	}
	cmd.Flags().StringVar(&g.out, "out", "", "`DIRECTORY` to write to (default: config_dir of each server)")
	cmd.Flags().StringVar(&g.server, "asterisk", "", "`ID` of the Asterisk server (default: all)")
	cmd.Flags().BoolVar(&g.check, "check", false, "write nothing; print the difference and exit 1 if there is one")
	cmd.Flags().BoolVar(&g.diff, "diff", false, "write nothing; print the difference")
	cmd.Flags().BoolVar(&g.apply, "apply", false, "have the running Asterisk take the files, verify, and roll back on failure")
	return cmd
}

func (g *generateOptions) run(cmd *cobra.Command) error {
	if g.check && g.diff || g.check && g.apply || g.diff && g.apply {
		return errGenerateFlags
	}
	cfg, secrets, err := g.loadWithSecrets()
	if err != nil {
		return err
	}
	servers, err := g.servers(cfg)
	if err != nil {
		return err
	}
	dns, err := cfg.ExpandDNs()
	if err != nil {
		return err
	}
	if err = secrets.Ensure(cfg.Asterisk, dns); err != nil {
		return err
	}
	sets := make([]pjsipgen.FileSet, len(servers)) // all of them, before anything is written
	for i, server := range servers {
		model, err := pjsipgen.Build(pjsipgen.Input{
			Config: cfg, DNs: dns, Secrets: secrets, Server: server.ID, Source: g.source(),
		})
		if err != nil {
			return err
		}
		if sets[i], err = pjsipgen.Render(model); err != nil {
			return err
		}
	}
	var errs []error
	for i, server := range servers {
		errs = append(errs, g.put(cmd, server, secrets, sets[i]))
	}
	return errors.Join(errs...)
}

// put does with the files of one server what the flags say.
func (g *generateOptions) put(cmd *cobra.Command, server config.Asterisk, secrets *config.Secrets, files pjsipgen.FileSet) error {
	dir := cmp.Or(g.out, server.ConfigDir)
	switch {
	case g.check, g.diff:
		return g.compare(cmd.OutOrStdout(), dir, files)
	case g.apply:
		return applyFiles(cmd, server, secrets, dir, files)
	}
	return writeFiles(cmd, dir, files)
}

// servers are those whose files are asked for. No two of them may be written to one directory.
func (g *generateOptions) servers(cfg *config.Config) ([]config.Asterisk, error) {
	ids, dirs := make([]string, len(cfg.Asterisk)), map[string]bool{}
	for i, server := range cfg.Asterisk {
		if server.ID == g.server {
			return []config.Asterisk{server}, nil
		}
		ids[i] = server.ID
		dirs[filepath.Clean(cmp.Or(g.out, server.ConfigDir))] = true
	}
	switch {
	case g.server != "":
		return nil, fmt.Errorf("%q: %w; there is %s", g.server, pjsipgen.ErrServer, strings.Join(ids, ", "))
	case len(dirs) < len(ids):
		return nil, fmt.Errorf("%w: %s", errOneDirectory, strings.Join(ids, ", "))
	}
	return cfg.Asterisk, nil
}

// source names what the files were made from. Only the file's own name: a check must not depend on the directory it
// is started in.
func (g *generateOptions) source() string {
	environ := os.Environ
	if g.environ != nil {
		environ = g.environ
	}
	path := cmp.Or(g.configFile, config.FileFromEnv(environ()))
	if path == "" {
		return "the defaults and the environment"
	}
	return filepath.Base(path)
}

func (g *generateOptions) compare(w io.Writer, dir string, files pjsipgen.FileSet) error {
	changes, err := pjsipgen.Diff(dir, files)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	for _, change := range changes {
		if _, err := io.WriteString(w, change.Diff); err != nil {
			return fmt.Errorf("print the difference: %w", err)
		}
	}
	if g.check && len(changes) > 0 {
		return &exitError{code: exitDiffers}
	}
	return nil
}

// applyPatience bounds the whole exchange with Asterisk: a reload of 10,000 endpoints takes seconds, on a loaded machine of 2
// cores more than a minute.
const applyPatience = 5 * time.Minute

func applyFiles(cmd *cobra.Command, server config.Asterisk, secrets *config.Secrets, dir string, files pjsipgen.FileSet) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), applyPatience)
	defer cancel()
	password, err := secrets.ARIPassword(server)
	if err != nil {
		return err
	}
	client, err := ari.Connect(ctx, ari.Config{
		Server: ari.ServerID(server.ID), URL: strings.TrimSuffix(server.URL, "/") + "/ari",
		User: server.User, Password: ari.Secret(password.Reveal()), Timeout: applyPatience,
		// Another application than the daemon's: a second socket for that one would push the daemon aside.
		App: server.App + "-generate",
	})
	if err != nil {
		return fmt.Errorf("connect to Asterisk: %w", err)
	}
	defer client.Close()
	ready, stop := context.WithTimeout(ctx, server.RequestTimeout)
	defer stop()
	if err = client.Ready(ready); err != nil {
		return fmt.Errorf("asterisk %s at %s is out of reach, nothing is written (leave out --apply to write the files for its next start): %w",
			server.ID, server.URL, err)
	}
	changes, err := pjsipgen.Diff(dir, files)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	before := keptFiles(dir)
	report, err := pjsipgen.Apply(ctx, liveAsterisk{client}, dir, files)
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	if err := sayWritten(cmd, dir, len(files), changes, before); err != nil {
		return err
	}
	for _, need := range report.RestartNeeded {
		if err := say(cmd, "restart needed: %s", need); err != nil {
			return err
		}
	}
	return say(cmd, "%d endpoints verified, reloaded: %s", len(files.EndpointNames()), orNone(report.Reloaded))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nothing, there was no change"
	}
	return strings.Join(names, ", ")
}

// liveAsterisk lets pjsipgen reload and look through ARI.
type liveAsterisk struct{ client *ari.Client }

func (a liveAsterisk) Reload(ctx context.Context, module string) error {
	return a.client.Asterisk().ReloadModule(ctx, module)
}

func (a liveAsterisk) Endpoints(ctx context.Context) ([]string, error) {
	list, err := a.client.Endpoints().ListByTech(ctx, "PJSIP")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, endpoint := range list {
		names[i] = endpoint.Resource
	}
	return names, nil
}

func (a liveAsterisk) Endpoint(ctx context.Context, name string) (map[string]string, error) {
	options := map[string]string{}
	tuples, err := a.client.Asterisk().GetObject(ctx, "res_pjsip", "endpoint", name)
	if errors.Is(err, ari.ErrNotFound) {
		return options, nil
	}
	for _, tuple := range tuples {
		options[tuple.Attribute] = tuple.Value
	}
	return options, err
}
