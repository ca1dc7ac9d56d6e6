package bayeux_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

// numbers collects the numbers of the events in an answer; an answer without status 200 holds none.
func (a *answer) numbers() []int {
	a.t.Helper()
	<-a.done
	if a.Code != http.StatusOK || a.Body.Len() == 0 {
		return nil
	}
	var list []struct {
		Channel string
		Data    int
	}
	require.NoError(a.t, json.Unmarshal(a.Body.Bytes(), &list))
	var found []int
	for _, m := range list {
		if !strings.HasPrefix(m.Channel, "/meta/") {
			found = append(found, m.Data)
		}
	}
	return found
}

// TestOrder52StrictlyIncreasing: whatever connects do — come late, come twice, go away — a session sees all events in their order.
func TestOrder52StrictlyIncreasing(t *testing.T) {
	const events = 100_000
	inBubble(t, bayeux.Options{MaxQueue: events, MaxInterval: time.Hour}, func(t *testing.T, s *bayeux.Server) {
		c := connected(t, s, "anna")
		c.subscribe("/n")
		go func() {
			for i := range events {
				_ = s.Publish(bayeux.Event{Channel: "/n", Data: fmt.Append(nil, i)}) // a gap would show
				if rand.IntN(10) == 0 {
					select {
					case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
					case <-t.Context().Done():
						return
					}
				}
			}
		}()
		next := 0
		check := func(a *answer) {
			for _, n := range a.numbers() {
				require.Equal(t, next, n)
				next++
			}
		}
		for next < events {
			switch rand.IntN(4) {
			case 0: // gone before the answer
				ctx, cancel := context.WithCancel(t.Context())
				a := c.start(ctx, c.connectMsg())
				pass(time.Duration(rand.IntN(5)) * time.Millisecond)
				cancel()
				check(a)
			case 1: // twice
				older := c.connect()
				synctest.Wait() // so that it is the older one for the server, too
				pass(time.Duration(rand.IntN(5)) * time.Millisecond)
				newer := c.connect()
				check(older)
				check(newer)
			case 2: // late
				pass(time.Duration(rand.IntN(200)) * time.Millisecond)
				check(c.connect())
			default:
				check(c.connect())
			}
			synctest.Wait()
		}
		require.Equal(t, events, next)
	})
}

// TestOrder52OverWebSocket: sockets close, and networks swallow what is pushed; the session sees all events in their order.
// What may have arrived before may come again.
func TestOrder52OverWebSocket(t *testing.T) {
	const events = 20_000
	pushing(t, bayeux.Options{MaxQueue: events, MaxInterval: time.Hour}, func(t *testing.T, s *rig) {
		c := connected(t, s, "anna")
		c.subscribe("/n")
		c.link.close()
		go func() { // joined by the bubble
			for i := range events {
				_ = s.Publish(bayeux.Event{Channel: "/n", Data: fmt.Append(nil, i)}) // a gap would show
				if rand.IntN(10) == 0 {
					select {
					case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
					case <-t.Context().Done():
						return
					}
				}
			}
		}()
		next, again := 0, 0
		check := func(list []msg) {
			for _, e := range list {
				n, isNumber := e["data"].(float64)
				if !isNumber {
					continue // a reply
				}
				require.LessOrEqual(t, int(n), next, "a gap")
				if int(n) == next {
					next++
				} else {
					again++
				}
			}
		}
		for next < events {
			n := c.again()
			n.poll()
			for range rand.IntN(5) {
				n.start(t.Context(), n.connectMsg())
				pass(time.Duration(rand.IntN(500)) * time.Millisecond)
				check(n.link.fresh(t))
			}
			if rand.IntN(2) == 0 {
				n.link.lose()
				pass(time.Duration(rand.IntN(500)) * time.Millisecond)
			}
			n.link.close()
			check(n.link.fresh(t))
		}
		require.Equal(t, events, next)
		require.Less(t, again, 2*events, "what is known to have arrived doesn't come again")
	})
}
