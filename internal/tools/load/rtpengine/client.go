package rtpengine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"sidecar/internal/tools/load/siptext"
)

const (
	attempts = 5
	patience = time.Second
)

// ErrRefused means that rtpengine did not do what it was asked to.
var ErrRefused = errors.New("rtpengine refuses")

// Call is one call of the relay, between a browser and a plain RTP peer.
type Call struct {
	conn net.Conn
	id   string
}

// Dial makes a call known at the control socket of an rtpengine. Nothing is sent yet.
func Dial(ctx context.Context, addr string) (*Call, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp4", addr)
	if err != nil {
		return nil, fmt.Errorf("rtpengine: %w", err)
	}
	return &Call{conn: conn, id: siptext.Token()}, nil
}

// Offer gives the browser's description and returns the one for the plain RTP peer.
func (c *Call) Offer(description string) (string, error) {
	res, err := c.ask(map[string]any{
		"command": "offer", "from-tag": "browser", "sdp": description, "ICE": "remove", "DTLS": "off",
		"transport-protocol": "RTP/AVP", "rtcp-mux": []any{"demux"},
	})
	return text(res, "sdp"), err
}

// Answer gives the plain peer's description and returns the one for the browser.
func (c *Call) Answer(description string) (string, error) {
	res, err := c.ask(map[string]any{
		"command": "answer", "from-tag": "browser", "to-tag": "peer", "sdp": description, "ICE": "force",
		"transport-protocol": "UDP/TLS/RTP/SAVPF", "rtcp-mux": []any{"require"},
	})
	return text(res, "sdp"), err
}

// Delete ends the call at the relay.
func (c *Call) Delete() error {
	_, err := c.ask(map[string]any{"command": "delete", "from-tag": "browser", "delete-delay": 0})
	return err
}

// Ping asks whether the relay is there.
func (c *Call) Ping() error {
	_, err := c.ask(map[string]any{"command": "ping"})
	return err
}

// Close gives the socket back.
func (c *Call) Close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("rtpengine: %w", err)
	}
	return nil
}

// ask repeats a command that got no answer: the relay knows the cookie and does it once.
func (c *Call) ask(command map[string]any) (map[string]any, error) {
	command["call-id"] = c.id
	cookie := siptext.Token()
	var b bytes.Buffer
	b.WriteString(cookie + " ")
	encode(&b, command)
	var last error
	for range attempts {
		if _, last = c.conn.Write(b.Bytes()); last != nil {
			continue
		}
		var answer map[string]any
		if answer, last = c.receive(cookie); last == nil || errors.Is(last, ErrRefused) {
			return answer, last
		}
	}
	return nil, fmt.Errorf("rtpengine: %s: %w", command["command"], last)
}

func (c *Call) receive(cookie string) (map[string]any, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, fmt.Errorf("deadline: %w", err)
	}
	buffer := make([]byte, 65536)
	for {
		n, err := c.conn.Read(buffer)
		if err != nil {
			return nil, fmt.Errorf("no answer: %w", err)
		}
		rest, ok := bytes.CutPrefix(buffer[:n], []byte(cookie+" "))
		if !ok {
			continue // to a command that was repeated
		}
		value, _, err := decode(rest, 0)
		if err != nil {
			return nil, err
		}
		answer, _ := value.(map[string]any)
		if result := text(answer, "result"); result != "ok" && result != "pong" {
			return nil, fmt.Errorf("%w: %s %s", ErrRefused, result, text(answer, "error-reason"))
		}
		return answer, nil
	}
}

func text(dict map[string]any, key string) string {
	s, _ := dict[key].(string)
	return s
}
