package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sidecar/api"
)

func newOpenAPICmd() *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Print the OpenAPI description of the REST API",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			document, err := api.Document(version)
			if err != nil {
				return err
			}
			if _, err := cmd.OutOrStdout().Write(document); err != nil {
				return fmt.Errorf("print the description: %w", err)
			}
			return nil
		},
	}
}
