package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

var errNoSubcommand = errors.New("no such subcommand")

// suggestWithin is how many letters a typing error may differ by, as cobra has it for the first command.
const suggestWithin = 2

// group makes a command that only holds others. Cobra would answer a mistyped one with the help and success, so that a
// script takes it for done.
func group(cmd *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subcommands...)
	cmd.SuggestionsMinimumDistance = suggestWithin
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return fmt.Errorf("%s %s: %w; nearest: %s", cmd.CommandPath(), args[0], errNoSubcommand, strings.Join(near, ", "))
		}
		names := make([]string, 0, len(subcommands))
		for _, sub := range subcommands {
			names = append(names, sub.Name())
		}
		return fmt.Errorf("%s %s: %w; there are %s", cmd.CommandPath(), args[0], errNoSubcommand, strings.Join(names, ", "))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}
