package pjsipgen_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/pjsipgen"
)

// fixedSecrets gives passwords that are the same in every run.
type fixedSecrets struct{}

func (fixedSecrets) Phone(dn config.DN) (config.Secret, error) {
	return config.Secret("phone-secret-" + dn.Number), nil
}

func (fixedSecrets) Upstream(dn config.DN) (config.Secret, error) {
	return config.Secret("upstream-secret-" + dn.Number), nil
}

func (fixedSecrets) ARIPassword(server config.Asterisk) (config.Secret, error) {
	return config.Secret("ari-secret-" + server.ID), nil
}

func generate(t testing.TB, cfg *config.Config) (pjsipgen.FileSet, error) {
	t.Helper()
	dns, err := cfg.ExpandDNs()
	require.NoError(t, err)
	m, err := pjsipgen.Build(pjsipgen.Input{Config: cfg, DNs: dns, Secrets: fixedSecrets{}, Source: "test.yaml"})
	if err != nil {
		return nil, err
	}
	return pjsipgen.Render(m)
}
