//go:build e2e

package pjsipgen_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/config"
	"sidecar/internal/phone"
	"sidecar/pjsipgen"
)

func TestAsteriskOpensTheEventSocketItself(t *testing.T) {
	t.Parallel()
	cfg, _ := mixed(t)
	cfg.Asterisk[0].Connect = config.ConnectAccept
	acceptor := ari.NewAcceptor(cfg.Asterisk[0].User, "ari-secret-pbx1")
	mux := http.NewServeMux()
	mux.Handle(pjsipgen.OutboundPath+"pbx1", acceptor)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	cfg.HTTP.Listen = strings.TrimPrefix(server.URL, "http://")

	l := newLab(t, cfg)
	c, err := ari.Connect(l.ctx, ari.Config{
		Server: "pbx1", User: cfg.Asterisk[0].User, Password: "ari-secret-pbx1", App: cfg.Asterisk[0].App,
		Acceptor: acceptor, RESTOver: ari.OverSocket,
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, c.Ready(l.ctx))
	dial(l, l.phone("5001", "phone-secret-5001", phone.RingOnly), "5002")
	require.Equal(t, []string{"from-agents", "5002", ""}, next[*ari.StasisStart](l, c).Args)
}
