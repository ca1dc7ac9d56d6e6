package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	s, err := parse(args, errs)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, errTooLong)
	defer cancel()
	d := &demo{settings: s, screen: newScreen(out)}
	if err := d.play(ctx); err != nil {
		return err
	}
	return d.screen.verdict()
}

// parse reads the flags: those that are not given come from the configuration file.
func parse(args []string, errs io.Writer) (settings, error) {
	var s settings
	var configFile, credentials, secrets string
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&configFile, "config", "", "`FILE` of the running sidecar; the other flags override what it says")
	flags.StringVar(&s.api, "api", "", "`URL` of the sidecar, such as http://127.0.0.1:8090")
	flags.StringVar(&s.sip, "sip", "", "`HOST:PORT` of Asterisk's SIP")
	flags.StringVar(&s.customer, "customer", "", "`IP:PORT` that the customer calls from; Asterisk must take it for a trunk")
	flags.StringVar(&s.trunk, "trunk", "demo", "`NAME` of the trunk in the configuration whose peer the customer plays")
	flags.StringVar(&s.number, "number", "0301234567", "`NUMBER` that the customer dials; it must lead to the first DN")
	flags.StringVar(&s.first.number, "first", "5001", "`DN` that answers")
	flags.StringVar(&s.second.number, "second", "5002", "`DN` that the call is transferred to")
	flags.StringVar(&credentials, "credentials", "", "`FILE` with users and passwords, as the sidecar writes it")
	flags.StringVar(&secrets, "dn-secrets", "", "JSON `FILE` with the phones' passwords: [{\"dn\":\"5001\",\"password\":\"...\"}], or what dn export --secrets --format json writes")
	flags.DurationVar(&s.timeout, "timeout", time.Minute, "give up after `TIME`")
	if err := flags.Parse(args); err != nil {
		return s, fmt.Errorf("read the command line: %w", err)
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%w: %q", errArgument, flags.Args())
	}
	return s, s.complete(configFile, credentials, secrets)
}
