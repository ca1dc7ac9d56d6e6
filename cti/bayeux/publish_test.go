package bayeux_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

func (c *client) publish(channel string, data any) msg {
	c.t.Helper()
	return c.post(msg{"channel": channel, "clientId": c.id, "id": "7", "data": data}).one()
}

func TestPublish40Denied(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		anna, berta := connected(t, s, "anna"), connected(t, s, "berta")
		berta.subscribe("/call/state")
		reply := anna.publish("/call/state", msg{"event": "forged"})
		require.Equal(t, msg{"channel": "/call/state", "id": "7", "successful": false, "error": "403::publish_denied"}, reply)
		events, _ := berta.poll()
		require.Empty(t, events)
	})
}

func TestPublish40BadMessages(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		for channel, want := range map[string]string{
			"":               "400::channel_missing",
			"open":           "405::channel_invalid",
			"/open/*":        "405::channel_invalid",
			"/open/<x>":      "405::channel_invalid",
			"/service":       "405::channel_invalid",
			"/meta/nonsense": "404::channel_unknown",
		} {
			reply := c.publish(channel, 1)
			require.Equal(t, want, reply["error"], channel)
			require.NotContains(t, reply["channel"], "<", "what is no channel is not echoed")
		}
		reply := c.post(msg{"channel": "/open/a", "clientId": c.id, "subscription": "/a"}).one()
		require.Equal(t, "400::data_missing", reply["error"])
		require.NotContains(t, reply, "subscription")
		reply = c.post(msg{"channel": "/open/a", "clientId": c.id, "id": "a b", "data": 1}).one()
		require.Equal(t, "405::message_id_invalid", reply["error"])
	})
}

func TestPublish41To43AckNoLeakAndPublisher(t *testing.T) {
	t.Parallel()
	for _, exclude := range []bool{false, true} {
		s := newServer(t, bayeux.Options{ExcludePublisher: exclude})
		anna, berta := connected(t, s, "anna"), connected(t, s, "berta")
		for _, c := range []*client{anna, berta} {
			c.subscribe("/open/*")
		}
		reply := anna.publish("/open/room", "hello")
		require.Equal(t, msg{"channel": "/open/room", "id": "7", "successful": true}, reply)
		events, _ := berta.poll()
		require.Equal(t, []msg{{"channel": "/open/room", "data": "hello"}}, events, "neither id nor clientId travels on")
		events, _ = anna.poll()
		require.Equal(t, !exclude, len(events) == 1)
	}
}

func TestPublish44DirectDelivery(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		session := only(t, s, "anna")
		require.NoError(t, session.Deliver(event(t, "/never/subscribed", 1), bayeux.Event{Channel: "/service/x", ID: "z", Data: []byte("null")}))
		events, _ := c.poll()
		require.Equal(t, []msg{
			{"channel": "/never/subscribed", "data": 1.0},
			{"channel": "/service/x", "id": "z", "data": nil},
		}, events)

		for _, channel := range []string{"", "/a/*", "/meta/connect", "a", "/service/*"} {
			require.ErrorIs(t, session.Deliver(event(t, "/fine", 1), event(t, channel, 1)), bayeux.ErrChannel, channel)
			require.ErrorIs(t, s.Publish(event(t, channel, 1)), bayeux.ErrChannel, channel)
		}
		require.ErrorIs(t, session.Deliver(bayeux.Event{Channel: "/a"}), bayeux.ErrNoData)
		require.Error(t, session.Deliver(bayeux.Event{Channel: "/a", Data: []byte("{")}))
		events, _ = c.poll()
		require.Empty(t, events, "all or none")
		_, err := bayeux.NewEvent("/a", func() {})
		require.Error(t, err)
	})
}

// In virtual time, since two megabytes through a pipe may take a busy machine longer than a socket's writer has.
func TestPublish45And46UnicodeAndSize(t *testing.T) {
	inBubbles(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.subscribe("/a")
		for _, data := range []string{"Grüße, 東京, 📞🧑‍💻, \u2028\u2029, <&>\"\\\x00", strings.Repeat("0123456789", 200_000)} {
			require.NoError(t, s.Publish(event(t, "/a", data)))
			events, _ := c.poll()
			require.Equal(t, data, events[0]["data"])
		}
	})
}

func TestPublish47ServiceAnswerIsCorrelated(t *testing.T) {
	hooks := bayeux.Hooks{OnMessage: func(_ context.Context, s *bayeux.Session, e bayeux.Event) {
		answer := json.RawMessage(fmt.Sprintf(`{"you said":%s}`, e.Data))
		assert.NoError(t, s.Deliver(bayeux.Event{Channel: e.Channel, ID: e.ID, Data: answer}))
	}}
	eachTransport(t, bayeux.Options{Hooks: hooks}, func(t *testing.T, s *rig) {
		anna, berta := connected(t, s, "anna"), connected(t, s, "berta")
		require.Equal(t, true, anna.publish("/service/echo", "hi")["successful"])
		events, _ := anna.poll()
		require.Equal(t, []msg{{"channel": "/service/echo", "id": "7", "data": msg{"you said": "hi"}}}, events)
		events, _ = berta.poll()
		require.Empty(t, events)
	})
}

// generous allows every subscription.
type generous struct{ house }

func (*generous) Subscribe(context.Context, bayeux.Principal, string) error { return nil }

func TestPublish47ServiceReachesNobodyElse(t *testing.T) {
	eachTransport(t, bayeux.Options{Policy: &generous{}}, func(t *testing.T, s *rig) {
		anna, berta := connected(t, s, "anna"), connected(t, s, "berta")
		require.Equal(t, true, berta.subscribe("/**")["successful"])
		require.Equal(t, true, anna.publish("/service/echo", "secret")["successful"])
		require.Equal(t, true, anna.publish("/open/room", "public")["successful"])
		events, _ := berta.poll()
		require.Equal(t, []msg{{"channel": "/open/room", "data": "public"}}, events)
	})
}
