package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/config"
	"sidecar/internal/numbering"
)

func TestARefusedNumberHasItsCause(t *testing.T) {
	t.Parallel()
	o := &options{environ: environ(), configFile: writeConfig(t, `
dns: [{numbers: [5001-5002]}]
trunks: [{name: carrier, kind: peer, host: "192.0.2.1:5060"}]
dial_rules: {classes: {default: {allow: ["+49"], deny: ["+49900"]}}}
`)}
	cfg, _, err := o.load()
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		from, class, number string
		trunks              []config.Trunk
		cause               int
	}{
		"own DN":        {from: "5001", number: "5001", trunks: cfg.Trunks, cause: 21},
		"denied":        {from: "5001", number: "+499001", trunks: cfg.Trunks, cause: 21},
		"not allowed":   {from: "5001", number: "+33123", trunks: cfg.Trunks, cause: 21},
		"class":         {from: "5001", class: "none", number: "+4930", trunks: cfg.Trunks, cause: 21},
		"no number":     {from: "5001", number: "%%%", trunks: cfg.Trunks, cause: 28},
		"no trunk":      {from: "5001", number: "+4930123", cause: 38},
		"no such route": {number: "4711", trunks: cfg.Trunks, cause: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := *cfg
			site.Trunks = tc.trunks
			dns, err := site.ExpandDNs()
			require.NoError(t, err)
			plan, err := numbering.New(&site, dns)
			require.NoError(t, err)
			port := planPort{plan: plan, calls: site.Calls}
			if tc.from == "" {
				_, err = port.Inbound("carrier", tc.number, time.Now())
			} else {
				_, err = port.Dial(bridge.DN(tc.from), tc.class, tc.number)
			}
			var refused *bridge.TargetError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, tc.cause, refused.Cause, refused.Error())
		})
	}
}
