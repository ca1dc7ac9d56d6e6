package media_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/media"
)

// network is what lies between a browser and the engine: a UDP proxy that forwards datagrams to and fro, late, or not at
// all. What it does to the how-manieth packet is the same in each run.
type network struct {
	front  netip.AddrPort
	lost   atomic.Int32 // of 100 packets
	jitter atomic.Int64 // most delay
}

const cut = 100

func newNetwork(t testing.TB, to netip.AddrPort) *network {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	back, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	n := &network{front: front.LocalAddr().(*net.UDPAddr).AddrPort()}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var client atomic.Pointer[netip.AddrPort]
	pass := func(from, through *net.UDPConn, dice *rand.Rand, target func(netip.AddrPort) netip.AddrPort) {
		for {
			buffer := make([]byte, 1500)
			size, source, errRead := from.ReadFromUDPAddrPort(buffer)
			if errRead != nil {
				return
			}
			destination, lost := target(source), dice.Int32N(100) < n.lost.Load()
			delay := time.Duration(dice.Int64N(n.jitter.Load() + 1))
			if lost || !destination.IsValid() {
				continue
			}
			wg.Go(func() {
				timer := time.NewTimer(delay)
				defer timer.Stop()
				select {
				case <-timer.C:
					_, _ = through.WriteToUDPAddrPort(buffer[:size], destination)
				case <-ctx.Done():
				}
			})
		}
	}
	wg.Go(func() {
		pass(front, back, rand.New(rand.NewPCG(1, 2)), func(source netip.AddrPort) netip.AddrPort { client.Store(&source); return to })
	})
	wg.Go(func() {
		pass(back, front, rand.New(rand.NewPCG(3, 4)), func(netip.AddrPort) netip.AddrPort {
			if known := client.Load(); known != nil {
				return *known
			}
			return netip.AddrPort{}
		})
	})
	t.Cleanup(func() {
		cancel()
		require.NoError(t, front.Close())
		require.NoError(t, back.Close())
		wg.Wait()
	})
	return n
}

// through puts the network into a description of ours.
func (n *network) through(engine *media.Engine) func(text []byte) []byte {
	ours, proxy := itoa(engine.Addrs()[0].Port()), itoa(n.front.Port())
	return func(text []byte) []byte {
		return []byte(strings.NewReplacer(" "+ours+" typ", " "+proxy+" typ", "m=audio "+ours, "m=audio "+proxy).Replace(string(text)))
	}
}

// 5 % loss and up to 40 ms of jitter between browser and engine, also during the set-up.
func TestCallSurvivesABadNetwork(t *testing.T) {
	t.Parallel()
	engine, pool := newEngine(t, nil), newPool(t, 20, 0)
	clean := newCall(t, engine, pool, nil)
	clean.talk(t)
	bad := newNetwork(t, engine.Addrs()[0])
	bad.lost.Store(5)
	bad.jitter.Store(int64(40 * time.Millisecond))
	c := newCall(t, engine, pool, bad.through(engine))
	c.talk(t)
	heard := func(call *call) (far, near float64) {
		_, far = call.farHears.Strongest(browserHz)
		_, near = call.browser.hears.Strongest(ourHz)
		return far, near
	}
	eventually(t, "both hear that the other one speaks", func() bool { far, near := heard(c); return far > 0.5 && near > 0.5 })
	eventually(t, "enough packets for figures", func() bool { return c.leg.Quality().Received > 400 && clean.leg.Quality().Received > 100 })
	// Jitter is that of the last third of a second, and ours too where the machine stood still.
	var q, best media.Quality
	eventually(t, "jitter is the network's alone", func() bool {
		q, best = c.leg.Quality(), clean.leg.Quality()
		return q.Jitter < 40*time.Millisecond && best.Jitter < 5*time.Millisecond
	})
	require.InDelta(t, 0.05, q.Loss, 0.035, "%+v", q)
	require.Greater(t, q.Jitter, 3*time.Millisecond)
	require.Less(t, q.MOS, best.MOS-0.2)
	require.Greater(t, q.MOS, 3.0, "a call that one can still follow")
	require.Zero(t, best.Lost)
	require.Zero(t, c.session.Quality().Lost, "the upstream's leg has nothing to do with it")
	require.Zero(t, c.session.Quality().Unsent)
	require.NotZero(t, c.far.Quality().Lost, "the upstream is told of what the browser's network lost")
	eventually(t, "they still hear each other", func() bool { far, near := heard(c); return far > 0.5 && near > 0.5 })
}

// Field lesson 4: silence, hold and mute are not death.
func TestFieldLesson04_MediaIsDeadOnlyWhenEverythingIsGone(t *testing.T) {
	t.Parallel()
	engine := newEngine(t, nil)
	between := newNetwork(t, engine.Addrs()[0])
	c := newCall(t, engine, newPool(t, 20, 0), between.through(engine))
	later, limit := time.Now().Add(time.Hour), 30*time.Second
	require.True(t, c.leg.Alive(later, limit), "a muted browser keeps its consent")
	require.False(t, c.session.Alive(later, limit), "an upstream that sends neither RTP nor RTCP for an hour is gone")
	require.True(t, c.session.Alive(time.Now(), limit), "what was just negotiated has time to begin")
	c.session.SetDirection(media.SendOnly)
	require.True(t, c.session.Alive(later, limit), "whom we hold owes us nothing")
	c.session.SetDirection(media.SendRecv)

	// The network goes: neither RTP, nor RTCP, nor consent. Then it comes back by itself.
	c.talk(t)
	c.requireTalk(t)
	between.lost.Store(cut)
	eventually(t, "consent gone", func() bool { return c.leg.State() != media.PeerConnected })
	require.True(t, c.leg.Alive(time.Now(), time.Hour), "not yet as long as the limit")
	require.False(t, c.leg.Alive(later, limit), "dead: nothing came within the limit")
	between.lost.Store(0)
	eventually(t, "consent back", func() bool { return c.leg.Alive(later, limit) })
	c.requireTalk(t)
	require.NoError(t, c.leg.Close())
	eventually(t, "closed", func() bool { return !c.leg.Alive(time.Now(), time.Hour) })
}

// RTP alone is life, also where consent is late.
func TestFieldLesson04_PacketsCountAsLifeWithoutConsent(t *testing.T) {
	t.Parallel()
	peer := &silentPeer{}
	leg := media.NewBrowserLeg(peer, media.DefaultCodecs())
	t.Cleanup(func() { require.NoError(t, leg.Close()) })
	_, err := leg.Answer(patient(t), []byte(pageOffer))
	require.NoError(t, err)
	soon, limit := time.Now().Add(20*time.Second), 30*time.Second
	for _, state := range []media.PeerState{media.PeerConnecting, media.PeerDisconnected, media.PeerFailed} {
		peer.onState(state)
		require.False(t, leg.Alive(soon.Add(time.Hour), limit), "nothing came for an hour: %s", state)
		peer.onRTP(media.Audio, &rtp.Packet{Header: rtp.Header{Version: 2}})
		require.True(t, leg.Alive(soon, limit), "a packet came within the limit: %s", state)
	}
	peer.onState(media.PeerConnected)
	require.True(t, leg.Alive(soon.Add(time.Hour), limit))
	peer.onState(media.PeerClosed)
	require.False(t, leg.Alive(time.Now(), limit), "the page closed it")
}

// A path is gone for good, and an ICE restart finds another one: the call goes on with the same packets' numbers.
func TestICERestartFindsANewPath(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]func(*testing.T, *call, func([]byte) []byte){
		"that the page asks for": func(t *testing.T, c *call, through func([]byte) []byte) {
			t.Helper()
			answer, err := c.leg.Answer(patient(t), c.browser.offer(&webrtc.OfferOptions{ICERestart: true}))
			require.NoError(t, err)
			requireOneAuthor(t, answer, nil)
			c.browser.accept(through(answer))
		},
		"that we ask for": func(t *testing.T, c *call, through func([]byte) []byte) {
			t.Helper()
			offer, err := c.leg.RestartICE(patient(t))
			require.NoError(t, err)
			requireOneAuthor(t, offer, nil)
			require.NoError(t, c.leg.Accept(patient(t), c.browser.answer(through(offer))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := newEngine(t, nil)
			old := newNetwork(t, engine.Addrs()[0])
			c := newCall(t, engine, newPool(t, 20, 0), old.through(engine))
			c.talk(t)
			c.requireTalk(t)
			old.lost.Store(cut)
			eventually(t, "consent gone", func() bool { return c.leg.State() != media.PeerConnected })
			restart(t, c, newNetwork(t, engine.Addrs()[0]).through(engine))
			c.requireTalk(t)
			eventually(t, "connected", func() bool { return c.leg.State() == media.PeerConnected })
		})
	}
}
