package ari_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/internal/testkit/fakeari"
)

func acceptorClient(t *testing.T) (*fakeari.Server, *ari.Client, string) {
	t.Helper()
	s := fakeari.New(t)
	acceptor := ari.NewAcceptor("asterisk", "it-is-me")
	door := httptest.NewServer(acceptor)
	t.Cleanup(door.Close)
	c := connect(t, ari.Config{Server: "out", App: "app", RESTOver: ari.OverSocket, Acceptor: acceptor})
	return s, c, door.URL
}

func TestAcceptorFeedsTheClient(t *testing.T) {
	t.Parallel()
	s, c, url := acceptorClient(t)
	conn, _, err := s.DialOut(url, "asterisk", "it-is-me")
	require.NoError(t, err)
	conn.Send(`{"type":"ApplicationRegistered","application":"app"}`)
	expect[*ari.Connected](t, c.Events())
	expect[*ari.ApplicationRegistered](t, c.Events())
	_, err = c.Bridges().List(t.Context())
	require.NoError(t, err)
	require.True(t, last(s).OverSocket)

	// Asterisk redials while the old connection still looks alive here.
	again, _, err := s.DialOut(url, "asterisk", "it-is-me")
	require.NoError(t, err)
	expect[*ari.Disconnected](t, c.Events())
	expect[*ari.Connected](t, c.Events())
	<-conn.Gone()
	again.Send(stasisStart)
	expect[*ari.StasisStart](t, c.Events())

	c.Close()
	<-again.Gone()
	late, _, err := s.DialOut(url, "asterisk", "it-is-me")
	if err == nil {
		<-late.Gone()
	}
}

func TestAcceptorKeepsStrangersOut(t *testing.T) {
	t.Parallel()
	s, c, url := acceptorClient(t)
	for _, cred := range [][2]string{{"asterisk", "wrong"}, {"wrong", "it-is-me"}, {"", ""}, {"asterisk", "it-is-me2"}} {
		_, status, err := s.DialOut(url, cred[0], cred[1])
		require.Error(t, err)
		require.Equal(t, http.StatusUnauthorized, status)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "ws"+url[len("http"):], http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth("asterisk", "it-is-me")
	_, resp, err := websocket.DefaultDialer.DialContext(t.Context(), req.URL.String(), req.Header)
	require.Error(t, err, "without the subprotocol")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.NoError(t, resp.Body.Close())

	req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth("asterisk", "it-is-me")
	plain, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, plain.StatusCode)
	require.NoError(t, plain.Body.Close())
	require.Equal(t, ari.StateConnecting, c.Status().State)
}
