//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// bayeuxMessage is what a desk reads of one.
type bayeuxMessage struct {
	Channel, ClientID, Subscription, Error string
	Successful                             bool
	Data                                   json.RawMessage
	Ext                                    struct{ Ack any }
	Advice                                 struct{ Reconnect string }
}

// wire carries Bayeux messages.
type wire interface {
	send(messages ...map[string]any) error
	receive() ([]bayeuxMessage, error)
}

// socketWire is a WebSocket.
type socketWire struct{ conn *websocket.Conn }

func (w *socketWire) send(messages ...map[string]any) error {
	if err := w.conn.WriteJSON(messages); err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	return nil
}

func (w *socketWire) receive() (list []bayeuxMessage, err error) {
	_, text, err := w.conn.ReadMessage()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAgain, err)
	}
	return list, json.Unmarshal(text, &list)
}

// pollWire is long-polling: what is received is the answers to what was sent.
type pollWire struct {
	desk   *desk
	ctx    context.Context
	client *http.Client
	came   []bayeuxMessage
}

func (w *pollWire) send(messages ...map[string]any) error {
	body, err := json.Marshal(messages)
	if err != nil {
		return err
	}
	resp, err := w.client.Do(w.desk.request(w.ctx, http.MethodPost, "/cometd", body))
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return refused(resp)
	}
	var list []bayeuxMessage
	if err = json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	w.came = append(w.came, list...)
	return nil
}

func (w *pollWire) receive() ([]bayeuxMessage, error) {
	list := w.came
	w.came = nil
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: an answer without messages", errNoLoss)
	}
	return list, nil
}

// bayeux goes on in the session if there is one, or opens one where it was.
func (d *desk) bayeux(w wire) error {
	if d.session != "" {
		d.resumed++
	} else if err := d.handshake(w); err != nil {
		return err
	}
	if err := d.connect(w); err != nil {
		return err
	}
	for {
		list, err := w.receive()
		if err != nil {
			return err
		}
		if err = d.read(w, list); err != nil {
			return err
		}
	}
}

func (d *desk) handshake(w wire) error {
	d.anew++
	cursors := map[string]string{}
	for _, channel := range d.channels() {
		cursors[channel] = d.cursor(channel)
	}
	err := w.send(map[string]any{
		"channel": "/meta/handshake", "id": "1", "version": "1.0", "supportedConnectionTypes": []string{"websocket", "long-polling"},
		"ext": map[string]any{"ack": d.acks, "cursor": cursors},
	})
	if err != nil {
		return err
	}
	list, err := w.receive()
	if err != nil {
		return err
	}
	switch m := list[0]; {
	case m.Successful:
		d.session, d.batch, d.joined = m.ClientID, 0, 0
	case m.Advice.Reconnect == "none":
		return fmt.Errorf("%w: %s", errNoLoss, m.Error)
	default:
		away(context.Background(), 100*time.Millisecond)
		return fmt.Errorf("%w: %s", errAgain, m.Error)
	}
	var subscribe []map[string]any
	for _, channel := range d.channels() {
		subscribe = append(subscribe, map[string]any{"channel": "/meta/subscribe", "id": "2", "clientId": d.session, "subscription": channel})
	}
	return w.send(subscribe...)
}

func (d *desk) connect(w wire) error {
	kind := "long-polling"
	if d.transport == overSocket {
		kind = "websocket"
	}
	m := map[string]any{"channel": "/meta/connect", "id": "3", "clientId": d.session, "connectionType": kind}
	if d.acks {
		m["ext"] = map[string]any{"ack": d.batch}
	}
	return w.send(m)
}

// read takes the events before it asks for more: what a connect acknowledges must have been seen.
func (d *desk) read(w wire, list []bayeuxMessage) error {
	var reply *bayeuxMessage
	for i := range list {
		m := &list[i]
		switch {
		case m.Data != nil:
			if err := d.take(m.Channel, m.Data); err != nil {
				return err
			}
		case m.Channel == "/meta/connect":
			reply = m
		case m.Channel == "/meta/disconnect":
			d.session = ""
			return errAgain
		case m.Channel == "/meta/subscribe" && !m.Successful:
			d.session = ""
			return fmt.Errorf("%w: %s", errAgain, m.Error)
		case m.Channel == "/meta/subscribe":
			d.joined++
		}
	}
	if reply == nil {
		return nil
	}
	if !reply.Successful {
		d.session = ""
		return fmt.Errorf("%w: %s", errAgain, reply.Error)
	}
	if n, ok := reply.Ext.Ack.(float64); ok {
		d.batch = int64(n)
	}
	return d.connect(w)
}
