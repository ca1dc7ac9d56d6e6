package bayeux_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

func TestSubscribe30And31StringAndArray(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		for _, shape := range []any{"/a", []any{"/b", "/c/d", "/user/agent@5001/x y"}} {
			reply := c.subscribe(shape)
			require.Equal(t, true, reply["successful"])
			require.Equal(t, shape, reply["subscription"], "in the shape that was sent")
			require.Equal(t, "5", reply["id"])
		}
		session := only(t, s, "anna")
		for _, channel := range []string{"/a", "/b", "/c/d", "/user/agent@5001/x y"} {
			require.True(t, session.Subscribed(channel), channel)
		}
		require.False(t, session.Subscribed("/c"))
	})
}

func TestSubscribe32MixedDeniedSubscribesNone(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		reply := c.subscribe([]any{"/a", "/closed/door"})
		require.Equal(t, false, reply["successful"])
		require.Equal(t, "403::subscribe_denied", reply["error"])
		require.Equal(t, []any{"/a", "/closed/door"}, reply["subscription"])
		require.NotContains(t, reply, "advice")
		require.False(t, only(t, s, "anna").Subscribed("/a"))

		require.Equal(t, "403:everything  at once:subscribe_denied", c.subscribe("/**")["error"])
	})
}

func TestSubscribe33Wildcards(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		for i, tc := range wildcardCases() {
			c := connected(t, s, fmt.Sprint("user", i))
			require.Equal(t, true, c.subscribe(tc.pattern)["successful"], tc.pattern)
			require.Equal(t, tc.covers, only(t, s, c.token).Subscribed(tc.channel), "%s over %s", tc.pattern, tc.channel)
			if bayeux.ValidChannel(tc.channel) {
				require.Equal(t, tc.covers, slices.Contains(s.Subscribers(tc.channel), only(t, s, c.token)), "%s over %s", tc.pattern, tc.channel)
			}
			require.NoError(t, s.Publish(event(t, tc.channel, i)))
			events, _ := c.poll()
			require.Equal(t, tc.covers, len(events) == 1, "%s over %s", tc.pattern, tc.channel)
		}
	})
}

func TestSubscribersOfWhatIsNoChannel(t *testing.T) {
	t.Parallel()
	s := newServer(t, bayeux.Options{})
	require.Equal(t, true, connected(t, s, "anna").subscribe("/a/*")["successful"])
	for _, channel := range []string{"", "a", "/a/*", "/a/**", "/service/a", "/meta/connect"} {
		require.Empty(t, s.Subscribers(channel), channel)
	}
}

func TestSubscribe34OneCopyEach(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		for _, channel := range []any{"/a/b", "/a/b", "/a/*", []string{"/a/**", "/a/b"}} {
			require.Equal(t, true, c.subscribe(channel)["successful"])
		}
		require.NoError(t, s.Publish(event(t, "/a/b", 1)))
		events, _ := c.poll()
		require.Len(t, events, 1)
	})
}

func TestSubscribe35To38Refusals(t *testing.T) {
	eachTransport(t, bayeux.Options{MaxSubscriptions: 2}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		for _, tc := range []struct {
			subscription any
			want         string
		}{
			{"/meta/connect", "403::subscribe_failed"},
			{"/meta/**", "403::subscribe_failed"},
			{"/meta", "403::subscribe_failed"},
			{nil, "403::subscription_missing"},
			{[]string{}, "403::subscription_invalid"},
			{7, "403::subscription_invalid"},
			{[]any{"/a", 7}, "403::subscription_invalid"},
			{"", "403::subscription_invalid"},
			{"a", "403::subscription_invalid"},
			{"/", "403::subscription_invalid"},
			{"/a//b", "403::subscription_invalid"},
			{"/a/", "403::subscription_invalid"},
			{"/a/*/b", "403::subscription_invalid"},
			{"/a*", "403::subscription_invalid"},
			{"/ä", "403::subscription_invalid"},
			{"/a<b", "403::subscription_invalid"},
			{"/" + strings.Repeat("a", 255), "403::subscription_invalid"},
			{[]string{"/a", "/b", "/c"}, "403:too many subscriptions:subscribe_denied"},
		} {
			for _, channel := range []string{"/meta/subscribe", "/meta/unsubscribe"} {
				m := msg{"channel": channel, "clientId": c.id}
				if tc.subscription != nil {
					m["subscription"] = tc.subscription
				}
				reply := c.post(m).one()
				want := tc.want
				if channel == "/meta/unsubscribe" {
					want = strings.Replace(want, "subscribe_failed", "unsubscribe_failed", 1)
				}
				if strings.Contains(want, "too many") && channel == "/meta/unsubscribe" {
					require.Equal(t, true, reply["successful"], "nothing to do is no failure")
					continue
				}
				require.Equal(t, false, reply["successful"], tc)
				require.Equal(t, want, reply["error"], tc)
			}
		}
		require.Equal(t, true, c.subscribe([]string{"/a", "/b"})["successful"])
		require.Equal(t, true, c.subscribe([]string{"/b", "/a"})["successful"], "already there, so within the bound")
	})
}

func TestSubscribe36ServiceIsNotRecorded(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		require.Equal(t, true, c.subscribe("/service/time")["successful"])
		require.False(t, only(t, s, "anna").Subscribed("/service/time"))
		require.ErrorIs(t, s.Publish(event(t, "/service/time", 1)), bayeux.ErrChannel)
	})
}

func TestSubscribe37Unsubscribe(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.subscribe([]string{"/a", "/b"})
		require.NoError(t, s.Publish(event(t, "/a", "queued")))
		reply := c.post(msg{"channel": "/meta/unsubscribe", "clientId": c.id, "id": "6", "subscription": "/a"}).one()
		require.Equal(t, true, reply["successful"])
		require.Equal(t, "/a", reply["subscription"])
		require.NoError(t, s.Publish(event(t, "/a", "too late")))
		require.NoError(t, s.Publish(event(t, "/b", "other")))
		events, _ := c.poll()
		require.Equal(t, []msg{{"channel": "/a", "data": "queued"}, {"channel": "/b", "data": "other"}}, events)
	})
}

func TestSubscribe39UnknownSessionGivesNoAdvice(t *testing.T) {
	eachTransport(t, bayeux.Options{}, func(t *testing.T, s *rig) {
		c := newClient(t, s, "anna")
		for id, want := range map[string]string{"": "401::client_id_missing", "nosuchclient": "402::session_unknown"} {
			c.id = id
			for _, channel := range []string{"/meta/subscribe", "/meta/unsubscribe", "/meta/disconnect", "/open/a"} {
				reply := c.post(msg{"channel": channel, "clientId": id, "subscription": "/a", "data": 1}).one()
				require.Equal(t, false, reply["successful"])
				require.Equal(t, want, reply["error"])
				require.NotContains(t, reply, "advice", "it would poison the next connect")
			}
		}
	})
}

func TestSubscribeHookSnapshotLeavesInOneResponse(t *testing.T) {
	hooks := bayeux.Hooks{OnSubscribe: func(s *bayeux.Session, channel string) {
		assert.True(t, s.Subscribed(channel), "asked before the subscription took effect")
		for i := range 3 {
			assert.NoError(t, s.Deliver(bayeux.Event{Channel: channel, Data: fmt.Append(nil, i)}))
			synctest.Wait() // a held connect that was woken would be answered now
		}
	}}
	inBubbles(t, bayeux.Options{Hooks: hooks}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		held := c.connect()
		synctest.Wait()
		c.subscribe([]string{"/a", "/b"})
		events, _ := held.last()
		require.Len(t, events, 6)
		require.Equal(t, "/b", events[5]["channel"])
		require.Equal(t, 2.0, events[5]["data"])
	})
}

func TestUnsubscribeHookRunsWhenItHasTakenEffect(t *testing.T) {
	var left []string
	hooks := bayeux.Hooks{OnUnsubscribe: func(s *bayeux.Session, channel string) {
		assert.False(t, s.Subscribed(channel))
		left = append(left, channel)
	}}
	inBubbles(t, bayeux.Options{Hooks: hooks}, func(t *testing.T, s *rig) {
		left = nil
		c := connected(t, s, "anna")
		c.subscribe([]string{"/a", "/b"})
		c.post(msg{"channel": "/meta/unsubscribe", "clientId": c.id, "subscription": []string{"/a", "/b"}}).one()
		require.Equal(t, []string{"/a", "/b"}, left)
	})
}
