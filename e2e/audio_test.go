//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/phone"
	"sidecar/internal/tone"
)

// heardEvent is what the WebSocket of a call's sound tells.
type heardEvent struct {
	Event, Call, Reason, Encoding string
	Rate                          int
	Streams                       []struct {
		ID                        int
		Party, DN, Number, Reason string
	}
}

// ear listens to a call by the WebSocket.
type ear struct {
	t      *testing.T
	events chan heardEvent
	closed chan error

	mu      sync.Mutex
	narrow  bool
	streams map[int]string            // DN, empty for the customer
	heard   map[string]*tone.Listener // by DN
}

// hearCall begins to listen as a user.
func (s *system) hearCall(user, id, format string) *ear {
	s.t.Helper()
	conn, resp, err := s.dialAudio(user, id, format)
	require.NoError(s.t, err)
	_ = resp.Body.Close()
	e := &ear{t: s.t, events: make(chan heardEvent, 16), closed: make(chan error, 1), narrow: format == "pcmu", streams: map[int]string{}, heard: map[string]*tone.Listener{}}
	var reading sync.WaitGroup
	reading.Go(func() { e.closed <- e.read(conn) })
	s.t.Cleanup(func() { _ = conn.Close(); reading.Wait() })
	return e
}

func (s *system) dialAudio(user, id, format string) (*websocket.Conn, *http.Response, error) {
	header := http.Header{}
	if user != "" {
		header.Set("Authorization", "Bearer "+s.token(user))
	}
	return websocket.DefaultDialer.DialContext(soon(s.t), "ws://"+s.http+"/api/v1/calls/"+id+"/audio?format="+format, header)
}

func (e *ear) read(conn *websocket.Conn) error {
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		if kind == websocket.BinaryMessage {
			e.frame(message)
			continue
		}
		var event heardEvent
		if err := json.Unmarshal(message, &event); err != nil {
			return err
		}
		e.mu.Lock()
		for _, stream := range event.Streams {
			if event.Event == "start" {
				e.streams[stream.ID] = stream.DN
			}
			e.listenerLocked(stream.DN)
		}
		e.mu.Unlock()
		e.events <- event
	}
}

// frame brings the sound to 8 kHz, which package tone measures.
func (e *ear) frame(message []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var samples []int16
	for sound := message[5:]; len(sound) > 0; {
		if e.narrow {
			samples, sound = append(samples, g711.DecodeULaw(sound[0])), sound[1:]
			continue
		}
		samples, sound = append(samples, sample(sound)), sound[4:]
	}
	dn, known := e.streams[int(message[0])]
	if !known {
		e.t.Errorf("a frame of stream %d, which was not started", message[0])
		return
	}
	e.listenerLocked(dn).Write(samples)
}

func (e *ear) listenerLocked(dn string) *tone.Listener {
	if e.heard[dn] == nil {
		e.heard[dn] = tone.NewListener()
		e.t.Cleanup(e.heard[dn].Close)
	}
	return e.heard[dn]
}

// hears waits for a tone of a party; nobody else's is in its stream.
func (e *ear) hears(dn string, hz float64, others ...float64) {
	e.t.Helper()
	e.mu.Lock()
	l := e.listenerLocked(dn)
	e.mu.Unlock()
	require.NoError(e.t, l.WaitTone(soon(e.t), hz), "%q says %v", dn, hz)
	for _, other := range others {
		require.False(e.t, l.Hears(other), "%q does not say %v", dn, other)
	}
}

// told waits for the next event and gives the parties that it is about.
func (e *ear) told(event string) (got heardEvent, dns []string) {
	e.t.Helper()
	select {
	case got = <-e.events:
	case <-soon(e.t).Done():
		require.FailNow(e.t, "nothing is told of a "+event)
	}
	require.Equal(e.t, event, got.Event, "%+v", got)
	for _, stream := range got.Streams {
		dns = append(dns, stream.DN)
	}
	return got, dns
}

// A program listens to a call: each party is a stream of its own, parties come and go, and the end is told.
func TestLiveSoundOfACall(t *testing.T) {
	t.Parallel()
	s := newRunning(t, "")
	first, second, customer := s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	cust, a := conversation(t, customer, first)
	id := s.onlyCall("Established").ID
	for user, status := range map[string]int{"5001": http.StatusForbidden, "": http.StatusUnauthorized} {
		_, resp, err := s.dialAudio(user, id, "slin16")
		require.ErrorIs(t, err, websocket.ErrBadHandshake)
		require.Equal(t, status, resp.StatusCode, "as %q", user)
		_ = resp.Body.Close()
	}
	_, resp, err := s.dialAudio("supervisor", "nothing", "slin16")
	require.ErrorIs(t, err, websocket.ErrBadHandshake)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	_ = resp.Body.Close()

	wide, narrow := s.hearCall("supervisor", id, "slin16"), s.hearCall("supervisor", id, "pcmu")
	for _, e := range []*ear{wide, narrow} {
		start, dns := e.told("start")
		require.ElementsMatch(t, []string{"", "5001"}, dns)
		require.Equal(t, id, start.Call)
		e.hears("", customerTone, agentTone)
		e.hears("5001", agentTone, customerTone)
	}
	talk(t, cust, customerTone, a, agentTone)

	s.as("5001", http.MethodPost, "/api/v1/calls/"+id+"/transfer", `{"to": "5002"}`).want(http.StatusOK)
	b := incoming(t, second, secondTone)
	talk(t, cust, customerTone, b, secondTone)
	for _, e := range []*ear{wide, narrow} {
		stop, dns := e.told("stop")
		require.Equal(t, []string{"5001"}, dns)
		require.Equal(t, "left", stop.Streams[0].Reason)
		_, dns = e.told("start")
		require.Equal(t, []string{"5002"}, dns)
		e.hears("5002", secondTone, customerTone)
		e.hears("", customerTone, secondTone)
	}
	require.NoError(t, cust.Hangup(soon(t)))
	ended(t, b)
	for _, e := range []*ear{wide, narrow} {
		for stop, dns := e.told("stop"); ; stop, dns = e.told("stop") {
			if len(dns) == 0 {
				require.Equal(t, "call_ended", stop.Reason)
				break
			}
		}
		select {
		case err := <-e.closed:
			require.True(t, websocket.IsCloseError(err, websocket.CloseNormalClosure), "%v", err)
		case <-soon(t).Done():
			require.FailNow(t, "the WebSocket stays open")
		}
	}
	s.requireNoLeftovers()
}
