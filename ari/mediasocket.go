package ari

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// MediaConnectionVariable is the channel variable that names a WebSocket channel's connection; the answer to
// ExternalMedia has it.
const MediaConnectionVariable = "MEDIA_WEBSOCKET_CONNECTION_ID"

// maxMedia bounds one message of sound; Asterisk sends 20 ms each.
const maxMedia = 64 << 10

// MediaSocket carries the sound of one WebSocket channel (chan_websocket). One goroutine may read.
type MediaSocket struct {
	conn  *websocket.Conn
	limit time.Duration // of silence on the wire
}

// DialMedia connects to a channel that ExternalMedia made with transport websocket and host INCOMING. The channel is
// answered by it, and gets into its application only then. Asterisk 22.10.1 asks for no password here: who knows the
// connection's name is let in, once.
func (c *Client) DialMedia(ctx context.Context, connection string) (*MediaSocket, error) {
	if c.cfg.URL == "" {
		return nil, fmt.Errorf("%w: URL is needed to reach media", ErrConfig)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	path := "/media/" + url.PathEscape(connection)
	target := "ws" + strings.TrimPrefix(strings.TrimSuffix(c.cfg.base(), "/ari"), "http") + path
	wd := websocket.Dialer{HandshakeTimeout: c.cfg.Timeout, Subprotocols: []string{"media"}}
	header := http.Header{"Authorization": {basicAuth(c.cfg.User, c.cfg.Password)}}
	conn, resp, err := wd.DialContext(ctx, target, header)
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close()
	}
	if err != nil && resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, &Error{
			Op: "media.websocket", Method: http.MethodGet, Path: path,
			Status: resp.StatusCode, Message: http.StatusText(resp.StatusCode),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ari: media socket: %w", err)
	}
	conn.SetReadLimit(maxMedia)
	return &MediaSocket{conn: conn, limit: c.cfg.PingInterval + c.cfg.PongTimeout}, nil
}

// Read waits for the next piece of sound, in the channel's format. It fails when the channel ends, and when nothing comes
// for as long as a dead peer may stay unnoticed.
func (m *MediaSocket) Read() ([]byte, error) {
	for {
		if err := m.conn.SetReadDeadline(time.Now().Add(m.limit)); err != nil {
			return nil, fmt.Errorf("ari: media socket: %w", err)
		}
		kind, data, err := m.conn.ReadMessage()
		if err != nil {
			return nil, fmt.Errorf("ari: media socket: %w", err)
		}
		if kind == websocket.BinaryMessage { // text is news of the channel, such as MEDIA_START
			return data, nil
		}
	}
}

// Close ends the connection, and Asterisk its channel.
func (m *MediaSocket) Close() error {
	if err := m.conn.Close(); err != nil {
		return fmt.Errorf("ari: media socket: %w", err)
	}
	return nil
}
