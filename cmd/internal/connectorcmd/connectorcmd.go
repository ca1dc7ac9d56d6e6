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
	"sync"

	"github.com/spf13/cobra"

	"sidecar/cmd/internal/terminal"
	"sidecar/connector"
	"sidecar/internal/servercert"
)

// The environment variables with secrets, where there is no file.
const (
	TokenVariable    = "CONNECTOR_TOKEN"    // #nosec G101 -- the name of a variable
	PasswordVariable = "CONNECTOR_PASSWORD" // #nosec G101 -- as above
)

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

It asks the sidecar as the agent. With --user it logs in, and renews the login by itself; the password is in a file that
only its owner may read (--password-file), in the environment (` + PasswordVariable + `), or typed. There is no flag for it, since
others could read it in the list of processes. Whoever has a token from elsewhere gives that: in a file (--token-file, read
anew for each request) or in the environment (` + TokenVariable + `).

The sidecar need not be there when the connector starts: until then the desktop is told that the phone is not active.`,
		Example: `  sidecar connector --sidecar https://sidecar.example.com --origin https://desktop.example.com --user 5001 --password-file password.txt`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", connector.DefaultListen, "`ADDRESS` of this machine, where the desktop looks")
	f.StringArrayVar(&o.origins, "origin", nil, "exact `ORIGIN` of the desktop's pages, such as https://desktop.example.com; repeat it for several")
	f.StringVar(&o.sidecar.URL, "sidecar", "", "`URL` of the sidecar, such as https://sidecar.example.com")
	f.StringVar(&o.sidecar.User, "user", "", "`NAME` of the agent, to log in at the sidecar")
	f.StringVar(&o.sidecar.PasswordFile, "password-file", "", "`FILE` whose first line is the agent's password (none: "+PasswordVariable+", or it is asked for)")
	f.StringVar(&o.sidecar.TokenFile, "token-file", "", "`FILE` with a token for the sidecar, in place of --user")
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
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	if err := o.secrets(ctx, cmd); err != nil {
		return err
	}
	sidecar, err := connector.NewSidecar(o.sidecar)
	if err != nil {
		return sidecarFlag(err, o.sidecar.User)
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
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w (is another softphone or connector running?)", err)
	}
	log.Info("listening", "address", listener.Addr().String(), "certificate", filepath.Join(dir, servercert.CertFile))
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { check(ctx, sidecar, o.sidecar.URL, log) })
	return c.Serve(ctx, listener, certificate.Config())
}

// check tells at once what an agent would otherwise find out from the desktop.
func check(ctx context.Context, sidecar *connector.Sidecar, url string, log *slog.Logger) {
	if err := sidecar.Check(ctx); err != nil {
		log.Warn("sidecar_not_reached", "sidecar", url, "error", err)
		return
	}
	log.Info("sidecar_reached", "sidecar", url)
}

// secrets takes what no flag says from the environment, or asks for it.
func (o *options) secrets(ctx context.Context, cmd *cobra.Command) error {
	s := &o.sidecar
	if s.User == "" {
		s.Token = os.Getenv(TokenVariable)
		return nil
	}
	if s.PasswordFile != "" {
		return nil
	}
	if s.Password = os.Getenv(PasswordVariable); s.Password != "" {
		return nil
	}
	in, ok := terminal.Of(cmd.InOrStdin())
	if !ok {
		return nil
	}
	typed, err := terminal.Hidden(ctx, in, cmd.ErrOrStderr(), "Password of "+s.User+": ")
	if err != nil {
		return sidecarFlag(fmt.Errorf("%w (%w)", connector.ErrNoPassword, err), s.User)
	}
	s.Password = typed[0]
	return nil
}

// sidecarFlag names the flag that an error is about.
func sidecarFlag(err error, user string) error {
	flag := "--token-file"
	switch {
	case errors.Is(err, connector.ErrSidecar):
		flag = "--sidecar"
	case errors.Is(err, connector.ErrCA):
		flag = "--ca-file"
	case errors.Is(err, connector.ErrBoth):
		flag = "--user"
	case errors.Is(err, connector.ErrNoPassword):
		flag = "--password-file or " + PasswordVariable
	case errors.Is(err, connector.ErrNoToken):
		flag = "--user, --token-file or " + TokenVariable
	case user != "":
		flag = "--password-file"
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
