package ari_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/ari"
)

// mediaClient is a client whose ARI is at a server that only knows media.
func mediaClient(t *testing.T, handler http.HandlerFunc) *ari.Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	c, err := ari.Connect(t.Context(), ari.Config{
		Server: "pbx1", URL: s.URL + "/ari/", User: "user", Password: "password", App: "app",
		PingInterval: time.Second, PongTimeout: time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestMediaSocket(t *testing.T) {
	t.Parallel()
	c := mediaClient(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if !strings.HasPrefix(r.URL.Path, "/media/") || user != "user" || password != "password" {
			http.Error(w, "no", http.StatusNotFound)
			return
		}
		up := websocket.Upgrader{Subprotocols: []string{"media"}}
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		if conn.Subprotocol() != "media" {
			return
		}
		for kind, data := range map[int]string{websocket.TextMessage: "MEDIA_START", websocket.BinaryMessage: "sound"} {
			_ = conn.WriteMessage(kind, []byte(data))
		}
		if r.URL.Path == "/media/silent" {
			_, _, _ = conn.ReadMessage() // until the other side gives up
		}
	})
	for _, connection := range []string{"ends", "silent"} {
		m, err := c.DialMedia(t.Context(), connection)
		require.NoError(t, err, connection)
		data, err := m.Read()
		require.NoError(t, err, connection)
		require.Equal(t, "sound", string(data), "text is none")
		_, err = m.Read()
		require.Error(t, err, connection)
		_ = m.Close()
	}
}

func TestMediaSocketRefused(t *testing.T) {
	t.Parallel()
	c := mediaClient(t, http.NotFound)
	_, err := c.DialMedia(t.Context(), "a/b")
	require.ErrorIs(t, err, ari.ErrNotFound)
	require.ErrorContains(t, err, "/media/a%2Fb")
	require.NotContains(t, err.Error(), "password")

	c, err = ari.Connect(t.Context(), ari.Config{
		Server: "pbx1", App: "app", RESTOver: ari.OverSocket, Acceptor: ari.NewAcceptor("user", "password"),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.DialMedia(t.Context(), "x")
	require.ErrorIs(t, err, ari.ErrConfig, "who waits for Asterisk's call does not know where it is")
}
