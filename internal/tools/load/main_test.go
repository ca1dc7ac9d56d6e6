package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/gateway"
	"sidecar/internal/tools/load/pbx"
	"sidecar/media"
	"sidecar/sip"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

type passwords struct{}

func (passwords) Password(dn string) (string, bool) { return passwordOf(dn), true }

func (passwords) Token(context.Context, string) ([]string, error) { return nil, io.EOF }

// inProcess is package gateway in this process.
func inProcess(t *testing.T) start {
	t.Helper()
	return func(_ context.Context, p *pbx.PBX, _ int) (target, error) {
		local := netip.MustParseAddr("127.0.0.1")
		engine, err := media.NewEngine(media.EngineOptions{Listen: []netip.AddrPort{netip.AddrPortFrom(local, 0)}})
		require.NoError(t, err)
		ports, err := media.NewPortPool(local, 29000, 29099, time.Second)
		require.NoError(t, err)
		g, err := gateway.New(gateway.Options{
			Engine: engine, Ports: ports,
			SIP:      sip.Options{ListenUDP: "127.0.0.1:0", Registrar: sip.RegistrarOptions{Credentials: passwords{}}},
			Upstream: func(string) (gateway.Upstream, bool) { return gateway.Upstream{Registrar: p.Addr()}, true },
		})
		require.NoError(t, err)
		registry := prometheus.NewRegistry()
		registry.MustRegister(collectors.NewGoCollector())
		mux := http.NewServeMux()
		mux.Handle("/ws", g.WebSocket())
		mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
		server := httptest.NewServer(mux)
		addr := strings.TrimPrefix(server.URL, "http://")
		return &sipTarget{pid: os.Getpid(), http: addr, metrics: server.URL + "/metrics", close: func() error {
			require.Eventually(t, func() bool { return g.Calls() == 0 }, 20*time.Second, time.Millisecond, "all have hung up")
			server.Close()
			g.Close()
			return engine.Close()
		}}, nil
	}
}

func TestFourLegsTalkThroughTheGateway(t *testing.T) {
	t.Parallel()
	r, err := measure(t.Context(), sidecarName, inProcess(t), plan{legs: 4, window: time.Second}, t.Output())
	require.NoError(t, err)
	require.Empty(t, r.Error)
	require.Equal(t, 4, r.Registered)
	require.Equal(t, 4, r.Up)
	require.NotZero(t, r.Sent)
	require.Zero(t, r.Lost, "of %d", r.Sent)
	require.EqualValues(t, 4, r.RegisterTime.Count)
	require.EqualValues(t, 4, r.SetUp.Count)
	require.EqualValues(t, 4, r.FirstRTP.Count)
	require.Equal(t, r.Sent, r.RTT.Count)
	require.Equal(t, r.Sent, r.ToEcho.Count, "the echo saw them all")
	require.Equal(t, r.Sent, r.FromEcho.Count)
	require.Greater(t, r.Goroutines, 4.0)
}

func TestLegsThatOnlyRegister(t *testing.T) {
	t.Parallel()
	r, err := measure(t.Context(), sidecarName, inProcess(t), plan{legs: 3, window: time.Millisecond, idle: true}, t.Output())
	require.NoError(t, err)
	require.Equal(t, 3, r.Registered)
	require.NotZero(t, r.IdleRSS)
	require.Zero(t, r.Up)
}

func TestATargetThatRefusesIsAResult(t *testing.T) {
	t.Parallel()
	rep := &report{}
	rep.add(t.Context(), "broken", func(context.Context, *pbx.PBX, int) (target, error) { return nil, io.ErrUnexpectedEOF }, plan{legs: 4, window: time.Second}, t.Output())
	require.Len(t, rep.Results, 1)
	require.Contains(t, rep.Results[0].Error, "start broken: unexpected EOF")
}

func TestReport(t *testing.T) {
	t.Parallel()
	rep := &report{Machine: "m", Date: "d", Results: []result{
		{Target: sidecarName, Legs: barLegs, Up: 399, Seconds: 10, Rate: 50, CPU: 2.61, KB: 220, Goroutines: 16, Sent: 200, Lost: 1, Drops: 3, Error: "one leg failed"},
		{Target: sidecarName, Legs: idleLegs, Registered: 1000, IdleRSS: 51 * 1024},
		{Target: rtpengineName, Legs: barLegs, Up: 400, Seconds: 10, Rate: 40, IsSaturated: true},
	}}
	var text bytes.Buffer
	require.NoError(t, rep.text(&text))
	for _, want := range []string{
		"399/400", "1 (0.50%)", "dropped by the target's sockets 3", "one leg failed", "idle 1000/1000", "saturated; 40.0 packets a second",
		"CPU, ms per leg-second: 2.6, at most 2.6: missed", "memory per leg, KB: 220.0, at most 220: reached", "packets lost: 1.0, at most 0: missed",
		"memory of 1,000 idle DNs, MB: 51.0, at most 60: reached",
	} {
		require.Contains(t, text.String(), want)
	}
	var data bytes.Buffer
	require.NoError(t, rep.json(&data))
	var again report
	require.NoError(t, json.Unmarshal(data.Bytes(), &again))
	require.Equal(t, *rep, again)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"--legs", "5,10", "--window", "2s", "--targets", "a,b"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, []int{5, 10}, o.legs)
	require.Equal(t, []string{"a", "b"}, o.targets)
	for _, args := range [][]string{{"--legs", "0"}, {"--legs", "x"}, {"--legs", "5000"}, {"--window", "1ms"}, {"--idle", "-1"}, {"--what"}} {
		_, err = parse(args, io.Discard)
		require.ErrorIs(t, err, errOption, args)
	}
	require.ErrorIs(t, run(t.Context(), []string{"--targets", "nothing"}, io.Discard, io.Discard), errOption)
}
