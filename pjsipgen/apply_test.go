package pjsipgen_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/pjsipgen"
)

var errNoModule = errors.New("no such module")

// pretender reads the directory as Asterisk would: an endpoint with an option it doesn't know is not there.
type pretender struct {
	dir      string
	broken   string // module whose reload fails
	stubborn bool   // never has an endpoint
	reloaded []string
}

func (p *pretender) Reload(_ context.Context, module string) error {
	if module == p.broken {
		return fmt.Errorf("%s: %w", module, errNoModule)
	}
	p.reloaded = append(p.reloaded, module)
	return nil
}

func (p *pretender) Endpoints(context.Context) ([]string, error) {
	if p.stubborn {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "pjsip.conf"))
	if err != nil {
		return nil, err
	}
	var names []string
	for block := range strings.SplitSeq(string(text), "\n\n") {
		header, _, _ := strings.Cut(block, "\n")
		name, _, ok := strings.Cut(strings.TrimPrefix(header, "["), "](agent_sidecar)")
		if ok && !strings.Contains(block, "comfort_noise") {
			names = append(names, name)
		}
	}
	return names, nil
}

func (p *pretender) Endpoint(ctx context.Context, name string) (map[string]string, error) {
	names, err := p.Endpoints(ctx)
	if err != nil || !slices.Contains(names, name) {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "pjsip.conf"))
	if err != nil {
		return nil, err
	}
	return pjsipgen.EndpointOptions(text, name), nil
}

func numbers(t *testing.T, entries ...string) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DNs[0].Numbers = entries
	return cfg
}

func files(t *testing.T, cfg *config.Config) pjsipgen.FileSet {
	t.Helper()
	set, err := generate(t, cfg)
	require.NoError(t, err)
	return set
}

func TestApplyReloadsWhatChangedOnly(t *testing.T) {
	t.Parallel()
	asterisk := &pretender{dir: t.TempDir()}
	require.NoError(t, pjsipgen.Write(asterisk.dir, files(t, numbers(t, "5001-5003"))))
	report, err := pjsipgen.Apply(t.Context(), asterisk, asterisk.dir, files(t, numbers(t, "5001-5004")))
	require.NoError(t, err)
	require.Equal(t, []string{"extensions.conf", "pjsip.conf"}, report.Changed)
	require.Equal(t, asterisk.reloaded, report.Reloaded)
	require.Contains(t, report.Reloaded, "res_pjsip.so")
	require.Contains(t, report.Reloaded, "pbx_config.so")
	require.NotContains(t, report.Reloaded, "res_ari.so")
	require.Empty(t, report.RestartNeeded)

	report, err = pjsipgen.Apply(t.Context(), asterisk, asterisk.dir, files(t, numbers(t, "5001-5004")))
	require.NoError(t, err)
	require.Empty(t, report.Reloaded, "nothing changed")
}

func TestApplyRollsBackAndNamesTheCulprit(t *testing.T) {
	t.Parallel()
	asterisk := &pretender{dir: t.TempDir()}
	good := files(t, numbers(t, "5001-5003"))
	require.NoError(t, pjsipgen.Write(asterisk.dir, good))
	bad := files(t, numbers(t, "5001-5004"))
	pjsip := bad["pjsip.conf"]
	pjsip.Data = []byte(strings.Replace(string(pjsip.Data), "[5004](agent_sidecar)\n", "[5004](agent_sidecar)\ncomfort_noise = no\n", 1))
	bad["pjsip.conf"] = pjsip

	_, err := pjsipgen.Apply(t.Context(), asterisk, asterisk.dir, bad)
	require.ErrorIs(t, err, pjsipgen.ErrRolledBack)
	var rejected *pjsipgen.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, []string{"5004"}, rejected.Missing)
	require.Equal(t, []string{"comfort_noise = no"}, rejected.Suspects)
	changes, err := pjsipgen.Diff(asterisk.dir, good)
	require.NoError(t, err)
	require.Empty(t, changes)
}

func TestApplyRollsBackWhenAModuleDoesNotReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := files(t, numbers(t, "5001"))
	require.NoError(t, pjsipgen.Write(dir, good))
	_, err := pjsipgen.Apply(t.Context(), &pretender{dir: dir, broken: "res_pjsip.so"}, dir, files(t, numbers(t, "5002")))
	require.ErrorIs(t, err, errNoModule)
	require.ErrorIs(t, err, pjsipgen.ErrBroken, "the old files can't be reloaded either")
	changes, err := pjsipgen.Diff(dir, good)
	require.NoError(t, err)
	require.Empty(t, changes)
}

func TestApplySaysWhenEvenTheOldFilesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, pjsipgen.Write(dir, files(t, numbers(t, "5001"))))
	_, err := pjsipgen.Apply(t.Context(), &pretender{dir: dir, stubborn: true}, dir, files(t, numbers(t, "5002")))
	require.ErrorIs(t, err, pjsipgen.ErrBroken)
}

func TestApplyReportsWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*config.Config)
		needs  []string
	}{
		"address of a transport": {
			func(cfg *config.Config) { cfg.Network.SIPListen = "127.0.0.1:5062" },
			[]string{"transport tcp bind 127.0.0.1:5060 -> 127.0.0.1:5062", "transport udp bind 127.0.0.1:5060 -> 127.0.0.1:5062"},
		},
		"external address": {
			func(cfg *config.Config) {
				cfg.Network.ExternalAddress, cfg.Network.Transports = "203.0.113.7", []string{"udp"}
			},
			[]string{
				"transport tcp removed", "transport udp external_media_address (none) -> 203.0.113.7",
				"transport udp external_signaling_address (none) -> 203.0.113.7",
			},
		},
		"new transport": {
			func(cfg *config.Config) {
				cfg.Network.TLS = config.TLS{Listen: "127.0.0.1:5061", CertFile: "/c.pem", KeyFile: "/k.pem"}
			},
			nil,
		},
		"web server": {
			func(cfg *config.Config) { cfg.Asterisk[0].URL = "http://127.0.0.1:8087" },
			[]string{"http bindport 8089 -> 8087"},
		},
		"voice mail": {
			func(cfg *config.Config) {
				cfg.DNs[0].Fallback = config.Target{Kind: config.TargetVoicemail, Value: "5001"}
			},
			[]string{"module app_voicemail.so added"},
		},
		"password": {func(cfg *config.Config) { cfg.Asterisk[0].ID = "other" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asterisk := &pretender{dir: t.TempDir()}
			cfg := numbers(t, "5001")
			require.NoError(t, pjsipgen.Write(asterisk.dir, files(t, cfg)))
			tc.change(cfg)
			report, err := pjsipgen.Apply(t.Context(), asterisk, asterisk.dir, files(t, cfg))
			require.NoError(t, err)
			require.Equal(t, tc.needs, report.RestartNeeded)
			require.False(t, slices.Contains(report.Reloaded, "app_voicemail.so"), "it is not loaded yet")
		})
	}
}

func BenchmarkTenThousandDNs(b *testing.B) {
	cfg := config.Default()
	cfg.DNs[0].Numbers = []string{"20000-29999"}
	for b.Loop() {
		_, err := generate(b, cfg)
		require.NoError(b, err)
	}
}
