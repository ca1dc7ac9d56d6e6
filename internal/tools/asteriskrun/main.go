// Command asteriskrun runs the Asterisk of the cache directory in the foreground, for `make up`. It says when Asterisk has
// booted, ends it on SIGINT or SIGTERM, and fails when Asterisk ends by itself or can't listen where it should.
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

	"sidecar/internal/asteriskproc"
)

var errEnded = errors.New("asterisk ended by itself")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "asteriskrun:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var o asteriskproc.Options
	flags := flag.NewFlagSet("asteriskrun", flag.ContinueOnError)
	flags.StringVar(&o.ConfDir, "conf", "", "directory of the generated .conf files")
	flags.StringVar(&o.StateDir, "state", "", "directory for logs, spool and database")
	if err = flags.Parse(args); err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	asterisk, err := asteriskproc.Start(ctx, o)
	if err != nil {
		return fmt.Errorf("start asterisk: %w", err)
	}
	defer func() { err = errors.Join(err, asterisk.Close()) }()
	// The sidecar would wait for an Asterisk that nobody can reach, or be ready beside one without phones.
	if err = asterisk.CheckBound(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "asterisk: ready, pid %d, its command line: %s 'core show channels'\n", asterisk.PID(), asterisk.CLICommand())
	select {
	case <-ctx.Done():
		return nil
	case <-asterisk.Done():
		return fmt.Errorf("%w; its log ends with:\n%s", errEnded, asteriskproc.Tail(asterisk.Log(), 20))
	}
}
