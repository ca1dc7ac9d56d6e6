package ariswitch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/bridge/ariswitch"
	"sidecar/internal/testkit/fakeari"
)

// lamps is a server that has device states, and notes each change as a line.
type lamps struct {
	*fakeari.Server

	lines chan string
	gate  chan struct{} // a write takes one
}

func newLamps(t *testing.T, states string) *lamps {
	t.Helper()
	l := &lamps{Server: fakeari.New(t), lines: make(chan string, 100), gate: make(chan struct{}, 100)}
	l.On("GET", "/deviceStates", func(fakeari.Request) fakeari.Response {
		return fakeari.Response{Status: http.StatusOK, Body: states}
	})
	l.On("PUT", "/deviceStates/{deviceName}", func(r fakeari.Request) fakeari.Response {
		l.lines <- r.Path + " " + r.Query.Get("deviceState")
		<-l.gate
		return fakeari.Response{Status: http.StatusNoContent}
	})
	l.On("DELETE", "/deviceStates/{deviceName}", func(r fakeari.Request) fakeari.Response {
		l.lines <- "gone " + r.Path
		return fakeari.Response{Status: http.StatusNoContent}
	})
	return l
}

func (l *lamps) open(n int) {
	for range n {
		l.gate <- struct{}{}
	}
}

func keep(t *testing.T, l *lamps, old ...string) *ariswitch.Devices {
	t.Helper()
	client := connect(t, l.Server)
	l.Accept()
	require.IsType(t, &ari.Connected{}, take(t, client.Events()))
	d := ariswitch.NewDevices([]*ari.Client{client}, old, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { d.Run(ctx) })
	t.Cleanup(func() {
		stop()
		l.open(10)
		work.Wait()
	})
	return d
}

func TestDeviceStatesAreRewrittenAtAReconcile(t *testing.T) {
	t.Parallel()
	l := newLamps(t, `[{"name":"Stasis:dn-5001","state":"BUSY"},{"name":"Stasis:dn-5002","state":"NOT_INUSE"},
		{"name":"Stasis:dn-7001","state":"INUSE"},{"name":"Stasis:other","state":"INUSE"}]`)
	l.open(10)
	d := keep(t, l, "dn-7001", "dn-7002")
	d.Set("dn-5001", ari.DeviceStateValueUnavailable) // before Asterisk is there
	d.Set("dn-5002", ari.DeviceStateValueNotInuse)
	d.Recovered("elsewhere")
	d.Recovered("pbx1")
	require.Equal(t, "gone /deviceStates/Stasis:dn-7001", take(t, l.lines))
	require.Equal(t, "/deviceStates/Stasis:dn-5001 UNAVAILABLE", take(t, l.lines))
	d.Set("dn-5002", ari.DeviceStateValueNotInuse) // as it is
	d.Set("dn-5002", ari.DeviceStateValueRinging)
	require.Equal(t, "/deviceStates/Stasis:dn-5002 RINGING", take(t, l.lines), "what is right already isn't written")
	d.Recovered("pbx1")
	require.Equal(t, "gone /deviceStates/Stasis:dn-7001", take(t, l.lines), "everything is compared anew")
}

// Which of several is written first is left to chance, hence so many.
func TestWhatIsRightIsNotWritten(t *testing.T) {
	t.Parallel()
	l := newLamps(t, `[{"name":"Stasis:dn-5001","state":"BUSY"}]`)
	l.open(20)
	d := keep(t, l)
	d.Set("dn-5001", ari.DeviceStateValueBusy)
	d.Recovered("pbx1")
	for i := range 10 {
		d.Set("dn-5001", ari.DeviceStateValueBusy)
		name := fmt.Sprint("dn-", 5002+i)
		d.Set(name, ari.DeviceStateValueInuse)
		require.Equal(t, "/deviceStates/Stasis:"+name+" INUSE", take(t, l.lines))
	}
}

func TestTheLastStateOfADeviceCounts(t *testing.T) {
	t.Parallel()
	l := newLamps(t, `[]`)
	d := keep(t, l)
	d.Set("dn-5001", ari.DeviceStateValueNotInuse)
	d.Recovered("pbx1")
	require.Equal(t, "/deviceStates/Stasis:dn-5001 NOT_INUSE", take(t, l.lines))
	for _, state := range []ari.DeviceStateValue{"RINGING", "INUSE", "ONHOLD", "BUSY"} { // while the first is under way
		d.Set("dn-5001", state)
	}
	l.open(2)
	require.Equal(t, "/deviceStates/Stasis:dn-5001 BUSY", take(t, l.lines))
}

func TestDeviceStatesAreTriedAgain(t *testing.T) {
	t.Parallel()
	l := newLamps(t, `[]`)
	l.open(10)
	var mu sync.Mutex
	failures := 2
	l.On("GET", "/deviceStates", func(fakeari.Request) fakeari.Response {
		mu.Lock()
		defer mu.Unlock()
		if failures--; failures >= 0 {
			return fakeari.Response{Status: http.StatusInternalServerError, Body: `{"message":"not now"}`}
		}
		return fakeari.Response{Status: http.StatusOK, Body: `[]`}
	})
	d := keep(t, l)
	d.Set("dn-5001", ari.DeviceStateValueBusy)
	d.Recovered("pbx1")
	require.Equal(t, "/deviceStates/Stasis:dn-5001 BUSY", take(t, l.lines))
}
