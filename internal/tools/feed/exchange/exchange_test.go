package exchange_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/ari"
	"sidecar/internal/tools/feed/exchange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestACall is a sidecar's part in a call. Every frame is one that package ari can read.
func TestACall(t *testing.T) {
	t.Parallel()
	var moments []exchange.Moment
	x, err := exchange.New(t.Context(), exchange.Options{DNs: []string{"5001"}, Sending: func(dn string, m exchange.Moment) {
		require.Equal(t, "5001", dn)
		moments = append(moments, m)
	}})
	require.NoError(t, err)
	defer x.Close()
	defer http.DefaultClient.CloseIdleConnections()
	do := func(method, path, body string) {
		r, errRequest := http.NewRequestWithContext(t.Context(), method, x.URL()+"/ari"+path, strings.NewReader(body))
		require.NoError(t, errRequest)
		answer, errRequest := http.DefaultClient.Do(r)
		require.NoError(t, errRequest)
		require.NoError(t, answer.Body.Close())
		require.Less(t, answer.StatusCode, 300, path)
	}
	require.Error(t, x.Call(t.Context(), "5001", "8000"), "nobody has opened the event socket")
	do(http.MethodPut, "/applications/sidecar/eventFilter", `{"disallowed":[{"type":"ChannelVarset"}]}`)
	socket, answer, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(x.URL(), "http", "ws", 1)+"/ari/events", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	defer func() { _ = socket.Close() }()

	var call sync.WaitGroup
	defer call.Wait()
	var over error
	caller := ""
	until := func(last ari.EventType, state string) {
		for {
			require.NoError(t, socket.SetReadDeadline(time.Now().Add(10*time.Second)))
			_, frame, errRead := socket.ReadMessage()
			require.NoError(t, errRead)
			e, errRead := ari.DecodeEvent(frame)
			require.NoError(t, errRead, string(frame))
			require.NotEqual(t, ari.EventTypeChannelVarset, e.Type())
			require.NotRegexp(t, `\{[a-z]+\}`, string(frame), "every name is filled in")
			if start, ok := e.(*ari.StasisStart); ok && caller == "" {
				caller = string(start.Channel.ID)
			}
			if e.Type() == last && strings.Contains(string(frame), state) {
				return
			}
		}
	}
	call.Go(func() { over = x.Call(t.Context(), "5001", "8000") })
	until(ari.EventTypeStasisStart, "from-trunk")
	do(http.MethodPost, "/channels/create?endpoint=PJSIP/5001&channelId=i.1&app=sidecar", "")
	until(ari.EventTypeStasisStart, "i.1")
	do(http.MethodPost, "/channels/i.1/dial", "")
	until(ari.EventTypeDial, "ANSWER")
	do(http.MethodPost, "/channels/"+caller+"/answer", "")
	do(http.MethodPost, "/bridges/i", "")
	do(http.MethodPost, "/bridges/i/addChannel?channel="+caller+",i.1", "")
	until(ari.EventTypeChannelDestroyed, caller)
	do(http.MethodDelete, "/channels/i.1", "")
	call.Wait()
	require.NoError(t, over)
	do(http.MethodDelete, "/bridges/i", "")
	until(ari.EventTypeBridgeDestroyed, "i")
	require.Equal(t, []exchange.Moment{exchange.Ringing, exchange.Answered, exchange.Ended}, moments)
}
