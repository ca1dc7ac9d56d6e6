package bayeux

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is what travels on a channel.
type Event struct {
	Channel string
	// Data is the payload, any JSON value in UTF-8. It's kept as it is, for all that the event goes to: who has handed it
	// over changes no byte of it.
	Data json.RawMessage
	// ID is optional: the id of the message that this event answers, or one of the application's own.
	ID string
	// Checked says that Data is known to be JSON in UTF-8, as encoding/json makes it. Otherwise each call that is given the
	// event reads all of Data to see.
	Checked bool
}

// NewEvent makes an Event of any value that encoding/json can encode.
func NewEvent(channel string, data any) (Event, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("bayeux: encoding data for %s: %w", channel, err)
	}
	return Event{Channel: channel, Data: raw, Checked: true}, nil
}

// message is one that a client sent. Fields nobody reads (connectionId, timestamp) are not here.
type message struct {
	Channel                  string          `json:"channel"`
	ID                       json.RawMessage `json:"id"`
	ClientID                 string          `json:"clientId"`
	Version                  string          `json:"version"`
	SupportedConnectionTypes []string        `json:"supportedConnectionTypes"`
	ConnectionType           string          `json:"connectionType"`
	Subscription             json.RawMessage `json:"subscription"`
	Data                     json.RawMessage `json:"data"`
	Ext                      json.RawMessage `json:"ext"`
	Advice                   *requestAdvice  `json:"advice"`

	received time.Time
}

// requestAdvice is the client's wish for one connect, in milliseconds.
type requestAdvice struct {
	Timeout  *float64 `json:"timeout"`
	Interval *float64 `json:"interval"`
}

// within converts a wish into a duration between zero and limit; no wish means fallback.
func within(wish *float64, fallback, limit time.Duration) time.Duration {
	if wish == nil {
		return fallback
	}
	ms := min(max(*wish, 0), float64(limit.Milliseconds()))
	return time.Duration(ms * float64(time.Millisecond))
}

// validID accepts what may be echoed: nothing, a string of letters and digits (and the marks that libraries put into
// theirs), or the number that some send instead.
func (m *message) validID() bool {
	switch {
	case len(m.ID) == 0 || string(m.ID) == "null":
		return true
	case len(m.ID) > maxIDLength:
		return false
	case m.ID[0] != '"':
		return m.ID[0] == '-' || ('0' <= m.ID[0] && m.ID[0] <= '9')
	}
	for _, c := range m.ID[1 : len(m.ID)-1] {
		if !isAlphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// idText is the id as an Event carries it.
func (m *message) idText() string {
	var s string
	if json.Unmarshal(m.ID, &s) != nil {
		return string(m.ID)
	}
	return s
}

// reply answers one message.
type reply struct {
	Channel                  string          `json:"channel"`
	ID                       json.RawMessage `json:"id,omitempty"`
	Successful               bool            `json:"successful"`
	ClientID                 string          `json:"clientId,omitempty"`
	Version                  string          `json:"version,omitempty"`
	MinimumVersion           string          `json:"minimumVersion,omitempty"`
	SupportedConnectionTypes []string        `json:"supportedConnectionTypes,omitempty"`
	Subscription             json.RawMessage `json:"subscription,omitempty"`
	Error                    string          `json:"error,omitempty"`
	Advice                   *advice         `json:"advice,omitempty"`
	Ext                      *replyExt       `json:"ext,omitempty"`
}

func (m *message) succeed() *reply {
	return &reply{Channel: m.Channel, ID: m.echoID(), Successful: true, Subscription: m.Subscription}
}

func (m *message) fail(wireError string) *reply {
	r := &reply{Channel: m.Channel, ID: m.echoID(), Error: wireError, Subscription: m.Subscription}
	if m.Channel != metaSubscribe && m.Channel != metaUnsubscribe {
		r.Subscription = nil
	}
	return r
}

func (m *message) echoID() json.RawMessage {
	if !m.validID() || string(m.ID) == "null" {
		return nil
	}
	return m.ID
}
