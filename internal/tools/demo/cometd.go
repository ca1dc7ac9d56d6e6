package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

var errBayeux = errors.New("the feed refused")

// message is a Bayeux message, in or out, as far as the demo needs it.
type message struct {
	ID           string   `json:"id,omitempty"`
	Channel      string   `json:"channel"`
	ClientID     string   `json:"clientId,omitempty"`
	Version      string   `json:"version,omitempty"`
	Types        []string `json:"supportedConnectionTypes,omitempty"`
	Type         string   `json:"connectionType,omitempty"`
	Subscription any      `json:"subscription,omitempty"`
	Successful   bool     `json:"successful,omitempty"`
	Error        string   `json:"error,omitempty"`
	Advice       *advice  `json:"advice,omitempty"`
	Data         *event   `json:"data,omitempty"`
}

type advice struct {
	Reconnect string `json:"reconnect,omitempty"`
	Interval  int    `json:"interval,omitempty"` // milliseconds
}

// event is the data of /user/agent/events.
type event struct {
	ID       string `json:"eventId"`
	Name     string `json:"event"`
	DN       string `json:"dn"`
	Snapshot bool   `json:"snapshot"`
	Seq      uint64 `json:"seq"`
	Call     *struct {
		ID      string `json:"id"`
		State   string `json:"state"`
		ANI     string `json:"ani"`
		DNIS    string `json:"dnis"`
		OtherDN string `json:"otherDn"`
	} `json:"call"`
	DNState *struct {
		Number    string `json:"number"`
		InService bool   `json:"inService"`
	} `json:"dnState"`
}

func (e *event) String() string {
	text := fmt.Sprintf("%-12s", e.Name)
	if e.DN != "" {
		text += " DN " + e.DN
	}
	if e.Call != nil {
		text += fmt.Sprintf("  call %s  %s -> %s", e.Call.ID, e.Call.ANI, e.Call.DNIS)
		if e.Call.OtherDN != "" {
			text += "  other " + e.Call.OtherDN
		}
	}
	return text + fmt.Sprintf("  seq %d", e.Seq)
}

// cometd is a Bayeux client by long polling: a poll is always open, and brings the events.
type cometd struct {
	rest     *rest
	clientID string
	next     int
}

// open shakes hands and subscribes.
func (c *cometd) open(ctx context.Context, channel string) error {
	reply, _, err := c.exchange(ctx, message{Channel: "/meta/handshake", Version: "1.0", Types: []string{"long-polling"}})
	if err != nil {
		return err
	}
	c.clientID = reply.ClientID
	_, _, err = c.exchange(ctx, message{Channel: "/meta/subscribe", ClientID: c.clientID, Subscription: channel})
	return err
}

// poll brings events to take until ctx ends, and says goodbye. Any refusal ends it.
func (c *cometd) poll(ctx context.Context, take func(*event)) error {
	for {
		reply, events, err := c.exchange(ctx, message{Channel: "/meta/connect", ClientID: c.clientID, Type: "long-polling"})
		for _, e := range events {
			take(e)
		}
		if ctx.Err() != nil {
			return c.close(context.WithoutCancel(ctx))
		}
		if err != nil {
			return err
		}
		if reply.Advice != nil && reply.Advice.Interval > 0 {
			timer := time.NewTimer(time.Duration(reply.Advice.Interval) * time.Millisecond)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
	}
}

func (c *cometd) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, _, err := c.exchange(ctx, message{Channel: "/meta/disconnect", ClientID: c.clientID})
	return err
}

// exchange sends one message and divides what comes back into its reply and events.
func (c *cometd) exchange(ctx context.Context, m message) (reply message, events []*event, err error) {
	c.next++
	m.ID = strconv.Itoa(c.next)
	var answer []message
	if err := c.rest.do(ctx, http.MethodPost, "/cometd", []message{m}, &answer); err != nil {
		return reply, nil, err
	}
	found := false
	for _, got := range answer {
		switch {
		case got.Channel == m.Channel && got.ID == m.ID:
			reply, found = got, true
		case got.Data != nil:
			events = append(events, got.Data)
		}
	}
	switch {
	case !found:
		return reply, events, fmt.Errorf("%w to answer %s", errBayeux, m.Channel)
	case !reply.Successful:
		return reply, events, fmt.Errorf("%w %s: %s", errBayeux, m.Channel, reply.Error)
	}
	return reply, events, nil
}
