package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"sidecar/config"
)

// What keeps the daemon from being ready besides its parts.
var (
	errDraining  = errors.New("stopping: calls that run may end, new ones are refused")
	errComparing = errors.New("just connected: its calls are being compared with those known here")
)

func newServeCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon until it is interrupted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := o.load()
			if err != nil {
				return err
			}
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(gcPercent)
			}
			return serve(cmd.Context(), cfg, newLogger(cfg.Log, cmd.ErrOrStderr()))
		},
	}
}

func serve(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	d, err := build(ctx, cfg, log)
	if err != nil {
		return err
	}
	d.run(context.WithoutCancel(ctx)) // the doors close first, see serveHTTP
	err = d.serveHTTP(ctx, func() { log.Info("listening", d.listening()...) })
	log.Info("stopping")
	return errors.Join(err, d.close(context.WithoutCancel(ctx)))
}

func newLogger(cfg config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Level)) // validated
	o := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}
