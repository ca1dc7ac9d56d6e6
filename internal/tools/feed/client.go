package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// needle is what a delivered event has once. Replies to subscribe name the channel, too, under another key.
var needle = []byte(`"channel":"` + channel + `"`) //nolint:gochecknoglobals // constant

// connectReply is more than a connect's reply is long, at the end of a frame.
const connectReply = 400

// conversation is a connection on which requests are answered one by one, until listen takes it over.
type conversation struct {
	conn    net.Conn
	in      *bufio.Reader
	channel string
	token   string // empty: none is needed
	id      string
	cookie  string
	socket  bool
}

// dial opens a session that is subscribed, and whose first connect was answered.
func dial(ctx context.Context, addr, transport, channel, token string) (client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	c := &conversation{
		conn: conn, in: bufio.NewReaderSize(conn, 512), channel: channel, token: token, socket: transport == "websocket",
	}
	if err := c.greet(transport); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	return c, nil
}

func (c *conversation) greet(transport string) error {
	if c.socket {
		if err := c.upgrade(); err != nil {
			return err
		}
	}
	reply, err := c.ask(fmt.Sprintf(`{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":[%q]}`, transport))
	if err != nil {
		return err
	}
	c.id = reply.ClientID
	if _, err = c.ask(fmt.Sprintf(`{"channel":"/meta/subscribe","id":"2","clientId":%q,"subscription":%q}`, c.id, c.channel)); err != nil {
		return err
	}
	if _, err = c.ask(c.connect(transport, `,"advice":{"timeout":0}`)); err != nil {
		return err
	}
	return c.send(c.connect(transport, ""))
}

func (c *conversation) connect(transport, more string) string {
	return fmt.Sprintf(`{"channel":"/meta/connect","id":"3","clientId":%q,"connectionType":%q%s}`, c.id, transport, more)
}

func (c *conversation) upgrade() error {
	_, err := fmt.Fprintf(c.conn, "GET /cometd HTTP/1.1\r\nHost: feed\r\n%sConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", c.authorization())
	if err != nil {
		return fmt.Errorf("upgrading: %w", err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("upgrading: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("%w: %s", errRefused, answer.Status)
	}
	return nil
}

type reply struct {
	ClientID   string
	Successful bool
	Error      string
}

// ask sends a message and reads its reply.
func (c *conversation) ask(message string) (reply, error) {
	if err := c.send(message); err != nil {
		return reply{}, err
	}
	body, err := c.read()
	if err != nil {
		return reply{}, err
	}
	var list []reply
	if err := json.Unmarshal(body, &list); err != nil {
		return reply{}, fmt.Errorf("reading a reply: %w", err)
	}
	if len(list) == 0 || !list[len(list)-1].Successful {
		return reply{}, fmt.Errorf("%w: %s", errRefused, body)
	}
	return list[len(list)-1], nil
}

func (c *conversation) send(message string) error {
	var text []byte
	if c.socket {
		text = frame(0x81, []byte("["+message+"]"))
	} else {
		text = fmt.Appendf(nil, "POST /cometd/ HTTP/1.1\r\nHost: feed\r\nContent-Type: application/json\r\n%sCookie: %s\r\nContent-Length: %d\r\n\r\n[%s]",
			c.authorization(), c.cookie, len(message)+2, message)
	}
	if _, err := c.conn.Write(text); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// authorization is the header with the token.
func (c *conversation) authorization() string {
	if c.token == "" {
		return ""
	}
	return "Authorization: Bearer " + c.token + "\r\n"
}

// frame is one of a client's: masked, with the mask that changes nothing.
func frame(first byte, payload []byte) []byte {
	f := []byte{first}
	if len(payload) < 126 {
		f = append(f, 0x80|byte(len(payload))) //nolint:gosec // below 126
	} else {
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(len(payload))) //nolint:gosec // a short message
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

func (c *conversation) read() ([]byte, error) {
	if c.socket {
		opcode, body, err := c.readFrame(nil)
		for err == nil && opcode != 1 {
			opcode, body, err = c.readFrame(nil)
		}
		return body, err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	for _, cookie := range answer.Cookies() {
		c.cookie = cookie.Name + "=" + cookie.Value
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s", errRefused, answer.Status)
	}
	return body, nil
}

// readFrame reads one frame into the buffer if that is large enough, and answers a ping.
func (c *conversation) readFrame(buffer []byte) (opcode byte, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return 0, nil, fmt.Errorf("reading a frame: %w", err)
	}
	opcode, length := head[0]&0x0f, int(head[1])
	more := map[int]int{126: 2, 127: 8}[length]
	if more > 0 {
		if _, err := io.ReadFull(c.in, head[:more]); err != nil {
			return 0, nil, fmt.Errorf("reading a frame: %w", err)
		}
		length = 0
		for _, b := range head[:more] {
			length = length<<8 | int(b)
		}
	}
	if length > cap(buffer) {
		buffer = make([]byte, length)
	}
	body = buffer[:length]
	if _, err := io.ReadFull(c.in, body); err != nil {
		return 0, nil, fmt.Errorf("reading a frame: %w", err)
	}
	if opcode == 9 {
		if _, err := c.conn.Write(frame(0x8a, body)); err != nil {
			return 0, nil, fmt.Errorf("answering a ping: %w", err)
		}
	}
	return opcode, body, nil
}

// listen goes on connecting, and hands over what arrives, until the connection ends.
func (c *conversation) listen(take func(body []byte)) {
	if !c.socket {
		for {
			body, err := c.read()
			if err != nil {
				return
			}
			take(body)
			if c.send(c.connect("long-polling", "")) != nil {
				return
			}
		}
	}
	var buffer []byte
	for {
		opcode, body, err := c.readFrame(buffer)
		if err != nil {
			return
		}
		if opcode != 1 {
			continue
		}
		take(body)
		if bytes.Contains(body[max(0, len(body)-connectReply):], []byte(`"/meta/connect"`)) && c.send(c.connect("websocket", "")) != nil {
			return
		}
		buffer = body[:0]
	}
}

func (c *conversation) close() { _ = c.conn.Close() }
