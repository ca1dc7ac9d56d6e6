// Command sidecar-connector is "sidecar connector" without the daemon, for the PCs of agents.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sidecar/cmd/internal/connectorcmd"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	cmd := connectorcmd.New()
	cmd.Use, cmd.Version, cmd.SilenceUsage, cmd.SilenceErrors = "sidecar-connector", version, true, true
	err := cmd.ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sidecar-connector: "+err.Error())
		os.Exit(1)
	}
}
