// Package connectorcmd is the command line of the connector: a subcommand of sidecar, and a program of its own for the agents'
// PCs, which need nothing else of the daemon.
package connectorcmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sidecar/connector"
	"sidecar/internal/servercert"
)

// TokenVariable is the environment variable with the token, where there is no file.
const TokenVariable = "CONNECTOR_TOKEN"

var errNotMade = errors.New("there is no certificate yet: start the connector once, which makes it")

type options struct {
	listen  string
	dir     string
	origins []string
	sidecar connector.SidecarOptions
}

// New is the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "connector",
		Short: "Answer an agent desktop that looks for a softphone on this PC",
		Long: `Answer an agent desktop that looks for a softphone on this PC.

Desktops such as Workspace Web Edition ask https://127.0.0.1:8000 whether a SIP endpoint is there. The connector says yes
while the sidecar has the DN's phone in service. It listens on this machine only, and answers pages of the origins given.

Its certificate is its own. The browsers of this PC have to trust it: "connector trust" tells how, on Windows by certutil.

The token is that of the agent's login at the sidecar, in a file that only its owner may read (--token-file, read anew
for each request) or in the environment (` + TokenVariable + `).`,
		Example: `  sidecar connector --sidecar https://sidecar.example.com --origin https://desktop.example.com --token-file token`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", connector.DefaultListen, "`ADDRESS` of this machine, where the desktop looks")
	f.StringArrayVar(&o.origins, "origin", nil, "exact `ORIGIN` of the desktop's pages, such as https://desktop.example.com; repeat it for several")
	f.StringVar(&o.sidecar.URL, "sidecar", "", "`URL` of the sidecar, such as https://sidecar.example.com")
	f.StringVar(&o.sidecar.TokenFile, "token-file", "", "`FILE` with the token for the sidecar")
	f.StringVar(&o.sidecar.CAFile, "ca-file", "", "`FILE` with the certificate of the authority that vouches for the sidecar's (none: the system's authorities)")
	cmd.PersistentFlags().StringVar(&o.dir, "dir", "", "`DIRECTORY` of the connector's certificate (none: sidecar-connector in the user's configuration)")
	cmd.AddCommand(&cobra.Command{
		Use:   "trust",
		Short: "Print how the browsers of this PC are told to trust the connector's certificate",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.trust(cmd) },
	})
	return cmd
}

func (o *options) run(cmd *cobra.Command) error {
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	if err := connector.CheckListen(o.listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	o.sidecar.Token = os.Getenv(TokenVariable)
	sidecar, err := connector.NewSidecar(o.sidecar)
	if err != nil {
		return sidecarFlag(err)
	}
	defer sidecar.Close()
	c, err := connector.New(connector.Options{Origins: o.origins, Phones: sidecar, Log: log})
	if err != nil {
		return fmt.Errorf("--origin: %w", err)
	}
	dir, err := o.directory()
	if err != nil {
		return err
	}
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	certificate, err := servercert.SelfSigned(dir, []string{"127.0.0.1", "localhost", "::1"}, log)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w (is another softphone or connector running?)", err)
	}
	log.Info("listening", "address", listener.Addr().String(), "certificate", filepath.Join(dir, servercert.CertFile))
	return c.Serve(ctx, listener, certificate.Config())
}

// sidecarFlag names the flag that an error is about.
func sidecarFlag(err error) error {
	flag := "--token-file"
	switch {
	case errors.Is(err, connector.ErrSidecar):
		flag = "--sidecar"
	case errors.Is(err, connector.ErrCA):
		flag = "--ca-file"
	case errors.Is(err, connector.ErrNoToken):
		flag = "--token-file or " + TokenVariable
	}
	return fmt.Errorf("%s: %w", flag, err)
}

func (o *options) directory() (string, error) {
	if o.dir != "" {
		return filepath.Abs(o.dir)
	}
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("--dir is needed: %w", err)
	}
	return filepath.Join(base, "sidecar-connector"), nil
}

// trust changes nothing: whom a PC trusts is its owner's matter.
func (o *options) trust(cmd *cobra.Command) error {
	dir, err := o.directory()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, servercert.CertFile)
	if _, err = os.Stat(file); err != nil {
		return fmt.Errorf("%s: %w", file, errNotMade)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), `The certificate is in %[1]s; its private key never leaves this PC.

Windows (Chrome, Edge), for this user, in a command prompt:
  certutil -user -addstore Root "%[1]s"
for all users of the PC, as administrator:
  certutil -addstore Root "%[1]s"
and to take it back:
  certutil -user -delstore Root sidecar

Linux (Chrome, Chromium), with certutil of package libnss3-tools:
  certutil -d "sql:$HOME/.pki/nssdb" -A -t "P,," -n sidecar-connector -i "%[1]s"

macOS:
  security add-trusted-cert -k ~/Library/Keychains/login.keychain-db "%[1]s"

Firefox: open https://127.0.0.1:8000/Ping once and accept the certificate, or set security.enterprise_roots.enabled.

Then restart the browser and open https://127.0.0.1:8000/Ping: it shows {"PingResult":[]} without a warning.
`, file)
	return err
}
