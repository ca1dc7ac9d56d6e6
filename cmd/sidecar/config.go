package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newConfigCmd makes the subcommands that look at the configuration.
func newConfigCmd(o *options) *cobra.Command {
	return group(&cobra.Command{Use: "config", Short: "Look at the configuration"}, newConfigShowCmd(o), newConfigCheckCmd(o))
}

func newConfigShowCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print the configuration in effect, and where each value came from",
		Long: "Print the configuration in effect as YAML. The comment behind a value says where it came from: default, " +
			"a line of a file, or an environment variable. Secrets are masked.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, sources, err := o.load()
			if err != nil {
				return err
			}
			text, err := cfg.YAML(func(path string) string { return sources.Of(path).String() })
			if err != nil {
				return err
			}
			if _, err := cmd.OutOrStdout().Write(text); err != nil {
				return fmt.Errorf("print the configuration: %w", err)
			}
			return nil
		},
	}
}

func newConfigCheckCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, _, err := o.load(); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid"); err != nil {
				return fmt.Errorf("print the result: %w", err)
			}
			return nil
		},
	}
}
