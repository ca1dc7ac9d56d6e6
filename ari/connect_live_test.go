//go:build e2e

package ari_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
)

func TestLiveConnectBothCarriers(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	for name, carrier := range map[string]ari.Carrier{"http": ari.OverHTTP, "socket": ari.OverSocket} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := l.config(t)
			cfg.RESTOver = carrier
			cfg.App = "sidecar-" + name
			cfg.EventSources = []string{"endpoint:PJSIP"}
			tp := l.connect(t, cfg)
			require.NoError(t, tp.Ready(t.Context()))
			list, err := tp.Channels().List(t.Context())
			require.NoError(t, err)
			require.Empty(t, list)
			_, err = tp.Channels().Get(t.Context(), "nobody")
			require.ErrorIs(t, err, ari.ErrNotFound)
			var refused *ari.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "channels.get", refused.Op)
			require.Equal(t, "Channel not found", refused.Message)
			app, err := tp.Applications().Get(t.Context(), cfg.App)
			require.NoError(t, err)
			t.Logf("%+v", app)
		})
	}
}
