package pjsipgen_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/pjsipgen"
)

// TestValuesThatWouldInjectLinesAreRefused goes past the rules of package config: the generator trusts nobody.
func TestValuesThatWouldInjectLinesAreRefused(t *testing.T) {
	t.Parallel()
	trunk := func(change func(*config.Trunk)) func(*config.Config) {
		return func(cfg *config.Config) {
			cfg.Trunks = []config.Trunk{{Name: "carrier", Kind: "peer", Host: "192.0.2.2:5060", Transport: "udp", Codecs: []string{"ulaw"}}}
			change(&cfg.Trunks[0])
		}
	}
	dn := func(change func(*config.DNGroup)) func(*config.Config) {
		return func(cfg *config.Config) { change(&cfg.DNs[0]) }
	}
	route := func(r config.Route) func(*config.Config) {
		return func(cfg *config.Config) {
			trunk(func(*config.Trunk) {})(cfg)
			cfg.Routes = []config.Route{r}
		}
	}
	to := config.Target{Kind: config.TargetDN, Value: "5001"}
	message := func(sound string) config.Target { return config.Target{Kind: config.TargetMessage, Value: sound} }
	for name, tc := range map[string]struct {
		change func(*config.Config)
		field  string
	}{
		"caller id with a line break":   {dn(func(g *config.DNGroup) { g.CallerID = "x\ntype = aor" }), "dn 5001.caller_id"},
		"caller id that ends its quote": {dn(func(g *config.DNGroup) { g.CallerID = `x" <911` }), "dn 5001.caller_id"},
		"context with a bracket":        {dn(func(g *config.DNGroup) { g.Context = "x]" }), "dn 5001.context"},
		"context of the trunks":         {dn(func(g *config.DNGroup) { g.Context = "from-trunk" }), "dn 5001.context"},
		"unknown class":                 {dn(func(g *config.DNGroup) { g.Class = "boss" }), "dn 5001.class"},
		"unknown codec":                 {dn(func(g *config.DNGroup) { g.Codecs = []string{"ulaw\nallow = all"} }), "dn 5001.codecs"},
		"unknown owner":                 {dn(func(g *config.DNGroup) { g.Owner = "nobody" }), "dn 5001.owner"},
		"sound with an application":     {dn(func(g *config.DNGroup) { g.Fallback = message("x)\n same => n,System(rm") }), "dn 5001.fallback"},
		"sound outside":                 {dn(func(g *config.DNGroup) { g.Fallback = message("../../etc/x") }), "dn 5001.fallback"},
		"queue as fallback":             {dn(func(g *config.DNGroup) { g.Fallback = config.Target{Kind: config.TargetQueue, Value: "q"} }), "dn 5001.fallback"},
		"number without a trunk":        {dn(func(g *config.DNGroup) { g.Fallback = config.Target{Kind: config.TargetNumber, Value: "1"} }), "dn 5001.fallback"},
		"fallback that can't ring":      {dn(func(g *config.DNGroup) { g.Fallback = config.Target{Kind: config.TargetDN, Value: "5002"} }), "dn 5001.fallback"},
		"trunk named like a DN":         {trunk(func(t *config.Trunk) { t.Name = "5001" }), "trunks[0].name"},
		"trunk name with a bracket":     {trunk(func(t *config.Trunk) { t.Name = "a](!" }), "trunks[0].name"},
		"trunk host":                    {trunk(func(t *config.Trunk) { t.Host = "192.0.2.2;x:5060" }), "trunks[0].host"},
		"trunk transport that is off":   {trunk(func(t *config.Trunk) { t.Transport = "tls" }), "trunks[0].transport"},
		"trunk match":                   {trunk(func(t *config.Trunk) { t.Match = []string{"0.0.0.0/0\nx"} }), "trunks[0].match[0]"},
		"trunk prepend":                 {trunk(func(t *config.Trunk) { t.Prepend = "0&PJSIP/" }), "trunks[0].prepend"},
		"provider without a user":       {trunk(func(t *config.Trunk) { t.Kind = "provider" }), "trunks[0].username"},
		"user that escapes":             {trunk(func(t *config.Trunk) { t.Username = "u;x" }), "trunks[0].username"},
		"password with a line break":    {trunk(func(t *config.Trunk) { t.Username, t.Password = "u", "p\nx = y" }), "trunks[0].password"},
		"route with a comma":            {route(config.Route{Number: "1,1,System(x)", To: to}), "routes[0].number"},
		"route of an unknown trunk":     {route(config.Route{Number: "1", Trunk: "none", To: to}), "routes[0].trunk"},
		"route without its schedule":    {route(config.Route{Number: "1", Schedule: "none", To: to}), "routes[0].schedule"},
		"application with an argument":  {func(cfg *config.Config) { cfg.Asterisk[0].App = "a,b" }, "asterisk[pbx1].app"},
		"user with a bracket":           {func(cfg *config.Config) { cfg.Asterisk[0].User = "a]" }, "asterisk[pbx1].user"},
		"ARI over TLS":                  {func(cfg *config.Config) { cfg.Asterisk[0].URL = "https://127.0.0.1:8089" }, "asterisk[pbx1].url"},
		"password of ARI":               {func(cfg *config.Config) { cfg.Asterisk[0].ID = "a;b" }, "asterisk[a;b].password"},
		"address of another server": {func(cfg *config.Config) {
			cfg.Asterisk = append(cfg.Asterisk, cfg.Asterisk[0])
			cfg.Asterisk[1].ID, cfg.Asterisk[1].SIPAddress = "pbx2", "192.0.2.2:5060\nmatch = 0.0.0.0/0"
		}, "asterisk[pbx2].sip_address"},
		"server's own sip_listen": {func(cfg *config.Config) { cfg.Asterisk[0].SIPListen = "127.0.0.1" }, "asterisk[pbx1].sip_listen"},
		"trunk named like a server": {func(cfg *config.Config) {
			trunk(func(t *config.Trunk) { t.Name = "peer-pbx2" })(cfg)
			cfg.Asterisk = append(cfg.Asterisk, cfg.Asterisk[0])
			cfg.Asterisk[1].ID, cfg.Asterisk[1].SIPAddress = "pbx2", "192.0.2.2:5060"
		}, "trunks[0].name"},
		"sip_listen":       {func(cfg *config.Config) { cfg.Network.SIPListen = "127.0.0.1" }, "network.sip_listen"},
		"sidecar by name":  {func(cfg *config.Config) { cfg.Network.SidecarAddress = "sidecar.local" }, "network.sidecar_address"},
		"external address": {func(cfg *config.Config) { cfg.Network.ExternalAddress = "1.2.3.4 ;" }, "network.external_address"},
		"local net":        {func(cfg *config.Config) { cfg.Network.LocalNets = []string{"10.0.0.0/99"} }, "network.local_nets[0]"},
		"certificate": {func(cfg *config.Config) {
			cfg.Network.TLS = config.TLS{Listen: "127.0.0.1:5061", CertFile: "a\nb", KeyFile: "k"}
		}, "network.tls.cert_file"},
		"ports the wrong way round": {func(cfg *config.Config) { cfg.Network.RTP = config.PortRange{Start: 20000, End: 10000} }, "network.rtp"},
		"music class":               {func(cfg *config.Config) { cfg.Calls.MusicClass = "a](" }, "calls.music_class"},
		"prefix with a pattern":     {func(cfg *config.Config) { cfg.DialRules.Classes["default"] = config.DialClass{Allow: []string{"X."}} }, "dial_rules.classes.default.allow[0]"},
		"rewrite":                   {func(cfg *config.Config) { cfg.DialRules.Normalise[0].Replace = "${SHELL(x)}" }, "dial_rules.normalise[0].replace"},
		"emergency":                 {func(cfg *config.Config) { cfg.DialRules.Emergency = []string{"1,1"} }, "dial_rules.emergency[0]"},
		"default trunk":             {func(cfg *config.Config) { cfg.DialRules.DefaultTrunk = "none" }, "dial_rules.default_trunk"},
		"time zone": {func(cfg *config.Config) {
			cfg.Schedules["s"] = config.Schedule{Timezone: "UTC?x", Weekly: []string{"mon 08:00-09:00"}}
		}, "schedules.s.timezone"},
		"hours": {func(cfg *config.Config) {
			cfg.Schedules["s"] = config.Schedule{Timezone: "UTC", Weekly: []string{"mon"}}
		}, "schedules.s.weekly[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			tc.change(cfg)
			_, err := generate(t, cfg)
			var invalid *pjsipgen.InvalidError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, tc.field, invalid.Fields[0].Field, err)
			require.NotEmpty(t, invalid.Fields[0].Rule)
		})
	}
}

func TestUnknownServerIsRefusedWithTheKnownOnes(t *testing.T) {
	t.Parallel()
	_, err := pjsipgen.Build(pjsipgen.Input{Config: config.Default(), Secrets: fixedSecrets{}, Server: "pbx9"})
	require.ErrorIs(t, err, pjsipgen.ErrServer)
	require.ErrorContains(t, err, "pbx1")
}
