// Command sidecar is call control for contact centers that run Asterisk.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sidecar/cmd/internal/connectorcmd"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal ends us in order, a second one at once
	err := newRootCmd().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	code := 1
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		code = exit.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "sidecar: "+text)
	}
	os.Exit(code)
}

func newRootCmd() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:           "sidecar",
		Short:         "Call control for contact centers that run Asterisk",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.PersistentFlags().StringVar(&o.configFile, "config", "", "YAML configuration `FILE` (none: defaults and SIDECAR_ environment)")
	cmd.AddCommand(
		newServeCmd(o), newConfigCmd(o), newGenerateCmd(o), newDNCmd(o), newUserCmd(o), newOpenAPICmd(), connectorcmd.New(),
	)
	return cmd
}
