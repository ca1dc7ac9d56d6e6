//go:build e2e

package pjsipgen_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/config"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
	"sidecar/pjsipgen"
)

type overARI struct{ c *ari.Client }

func (a overARI) Reload(ctx context.Context, module string) error {
	return a.c.Asterisk().ReloadModule(ctx, module)
}

func (a overARI) Endpoints(ctx context.Context) ([]string, error) {
	list, err := a.c.Endpoints().ListByTech(ctx, "PJSIP")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Resource
	}
	return names, nil
}

func (a overARI) Endpoint(ctx context.Context, name string) (map[string]string, error) {
	options := map[string]string{}
	tuples, err := a.c.Asterisk().GetObject(ctx, "res_pjsip", "endpoint", name)
	if errors.Is(err, ari.ErrNotFound) {
		return options, nil
	}
	for _, tuple := range tuples {
		options[tuple.Attribute] = tuple.Value
	}
	return options, err
}

// applied makes a lab whose files were written by Write, as Apply expects them.
func applied(t *testing.T, cfg *config.Config) (*lab, *ari.Client) {
	t.Helper()
	l := newLab(t, cfg)
	require.NoError(t, pjsipgen.Write(l.dir, files(t, cfg)))
	return l, l.sidecar()
}

func TestApplyAddsADNWhileACallIsUp(t *testing.T) {
	t.Parallel()
	cfg, _ := mixed(t)
	l, c := applied(t, cfg)
	call := dial(l, l.phone("5001", "phone-secret-5001", phone.RingOnly), "5002")
	start := next[*ari.StasisStart](l, c)
	require.NoError(t, c.Channels().Answer(l.ctx, start.Channel.ID))
	require.NoError(t, call.WaitState(l.ctx, phone.Established))

	cfg.DNs = append(cfg.DNs, config.DNGroup{Numbers: []string{"5100"}, DNSettings: config.DNSettings{Owner: config.OwnerPhone}})
	report, err := pjsipgen.Apply(l.ctx, overARI{c}, l.dir, files(t, cfg))
	require.NoError(t, err)
	require.Empty(t, report.RestartNeeded)
	require.Equal(t, phone.Established, call.State())
	channel, err := c.Channels().Get(l.ctx, start.Channel.ID)
	require.NoError(t, err)
	require.Equal(t, ari.ChannelStateUp, channel.State)

	added := l.phone("5100", "phone-secret-5100", phone.RingOnly)
	dial(l, added, "5001")
	require.Equal(t, []string{"from-agents", "5001", ""}, next[*ari.StasisStart](l, c).Args)
	require.Empty(t, l.Warnings())
}

func TestApplyOfABadEndpointRollsBackOnARealAsterisk(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		section  string
		missing  []string
		suspects []string
	}{
		"a new endpoint":  {"[5100](agent_phone)\n", []string{"5100"}, []string{"comfort_noise = no"}},
		"a template":      {"[agent_phone](!,agent_dn)\n", []string{"5100"}, []string{"comfort_noise = no"}},
		"an old endpoint": {"[5007](agent_sidecar)\n", []string{"5007"}, []string{"comfort_noise = no"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := onPorts(t)
			l, c := applied(t, cfg)
			good := files(t, cfg)
			cfg.DNs = append(cfg.DNs, config.DNGroup{Numbers: []string{"5100"}, DNSettings: config.DNSettings{Owner: config.OwnerPhone}})
			bad := files(t, cfg)
			pjsip := bad["pjsip.conf"]
			pjsip.Data = []byte(strings.Replace(string(pjsip.Data), tc.section, tc.section+"comfort_noise = no\n", 1))
			bad["pjsip.conf"] = pjsip

			_, err := pjsipgen.Apply(l.ctx, overARI{c}, l.dir, bad)
			require.ErrorIs(t, err, pjsipgen.ErrRolledBack)
			var rejected *pjsipgen.RejectedError
			require.ErrorAs(t, err, &rejected)
			require.Equal(t, tc.missing, rejected.Missing)
			require.Equal(t, tc.suspects, rejected.Suspects)
			have, err := overARI{c}.Endpoints(l.ctx)
			require.NoError(t, err)
			require.Subset(t, have, good.EndpointNames())
			gone, err := overARI{c}.Endpoint(l.ctx, "5100")
			require.NoError(t, err)
			require.Empty(t, gone)
		})
	}
}

func TestApplyLeavesARunningTransportAlone(t *testing.T) {
	t.Parallel()
	cfg, _ := mixed(t)
	l, c := applied(t, cfg)
	desk := l.phone("5001", "phone-secret-5001", phone.RingOnly)
	before := cfg.Network.SIPListen
	elsewhere := asterisk.FreeAsteriskPorts(t)
	cfg.Network.SIPListen = "127.0.0.1:" + strconv.Itoa(elsewhere.SIP)
	report, err := pjsipgen.Apply(l.ctx, overARI{c}, l.dir, files(t, cfg))
	require.NoError(t, err)
	require.Contains(t, report.RestartNeeded, "transport udp bind "+before+" -> "+cfg.Network.SIPListen)
	dial(l, desk, "5002")
	require.Equal(t, "5002", next[*ari.StasisStart](l, c).Args[1])

	l.Restart()
	moved := l.phone("5001", "phone-secret-5001", phone.RingOnly) // at the new address
	require.True(t, moved.Registered())
}

func TestTenThousandDNsLoad(t *testing.T) {
	t.Parallel()
	cfg := onPorts(t)
	cfg.DNs[0].Numbers = []string{"20000-29999"}
	began := time.Now()
	l := newLab(t, cfg)
	t.Logf("written and booted in %v", time.Since(began))
	for _, warning := range l.Warnings() {
		// So many new devices fill the queue of their states for a moment; nothing is lost.
		require.Contains(t, warning, "high water mark")
	}
	c := l.sidecar()
	have, err := overARI{c}.Endpoints(l.ctx)
	require.NoError(t, err)
	require.Len(t, have, 10000)
	require.NoError(t, pjsipgen.Write(l.dir, files(t, cfg)))
	cfg.DNs[0].Numbers = []string{"20000-30000"}
	began = time.Now()
	_, err = pjsipgen.Apply(t.Context(), overARI{c}, l.dir, files(t, cfg))
	require.NoError(t, err)
	t.Logf("one more applied in %v", time.Since(began))
}
