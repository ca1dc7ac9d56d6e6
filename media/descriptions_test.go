package media_test

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"sidecar/media"
)

// requireOneAuthor checks what two authors of one description get wrong, and what a browser's leg must always say. The
// offer is nil for offers.
func requireOneAuthor(t *testing.T, text, offer []byte) {
	t.Helper()
	var d sdp.SessionDescription
	require.NoError(t, d.Unmarshal(text), "%s", text)
	var bundled, mids []string
	for _, m := range d.MediaDescriptions {
		values := map[string][]string{}
		for _, a := range m.Attributes {
			values[a.Key] = append(values[a.Key], a.Value)
		}
		require.Len(t, values["mid"], 1, "field lesson 7: %s", text)
		mids = append(mids, values["mid"][0])
		require.Empty(t, values["crypto"], "field lesson 6: no SDES beside DTLS")
		if m.MediaName.Port.Value == 0 {
			continue
		}
		bundled = append(bundled, values["mid"][0])
		require.Equal(t, []string{"UDP", "TLS", "RTP", "SAVPF"}, m.MediaName.Protos)
		for _, key := range []string{"rtcp-mux", "fingerprint", "setup", "ice-ufrag", "ice-pwd"} {
			require.Len(t, values[key], 1, "%s in %s", key, text)
		}
		for _, candidate := range values["candidate"] {
			require.Equal(t, "1", strings.Fields(candidate)[1], "no RTCP component beside rtcp-mux: %s", text)
		}
	}
	slices.Sort(mids)
	require.Equal(t, mids, slices.Compact(slices.Clone(mids)), "field lesson 7: no mid twice")
	group, ok := d.Attribute("group")
	require.True(t, ok)
	require.Equal(t, "BUNDLE "+strings.Join(bundled, " "), group, "%s", text)
	require.Equal(t, 1, strings.Count(string(text), "a=group:"))
	if offer == nil {
		return
	}
	var o sdp.SessionDescription
	require.NoError(t, o.Unmarshal(offer))
	require.Len(t, d.MediaDescriptions, len(o.MediaDescriptions))
	for i, m := range o.MediaDescriptions {
		require.Equal(t, m.MediaName.Media, d.MediaDescriptions[i].MediaName.Media)
		theirs, _ := m.Attribute("mid")
		ours, _ := d.MediaDescriptions[i].Attribute("mid")
		require.Equal(t, theirs, ours, "the answer names the offer's lines")
	}
}

// Field lesson 7: one author per leg, whatever is negotiated in whatever order.
func TestFieldLesson07_OneAuthorThroughoutACall(t *testing.T) {
	t.Parallel()
	leg := newLeg(t, newEngine(t, func(o *media.EngineOptions) { o.TCP = true }))
	offer := []byte(pageOffer)
	answer, err := leg.Answer(patient(t), offer)
	require.NoError(t, err)
	requireOneAuthor(t, answer, offer)
	versions := map[string]bool{line(answer, "o="): true}
	again := func(text []byte, errText error) {
		t.Helper()
		require.NoError(t, errText)
		require.False(t, versions[line(text, "o=")], "each description has a version of its own")
		versions[line(text, "o=")] = true
	}
	for _, direction := range []string{"sendonly", "inactive", "sendrecv"} {
		reoffer := []byte(strings.Replace(pageOffer, "a=sendrecv", "a="+direction, 1))
		held, errHeld := leg.Answer(patient(t), reoffer)
		again(held, errHeld)
		requireOneAuthor(t, held, reoffer)
	}
	restart := []byte(strings.NewReplacer("a=ice-ufrag:Ab1+", "a=ice-ufrag:Cd2+", "passwordpasswordpassword", "drowssapdrowssapdrowssap").Replace(pageOffer))
	restarted, err := leg.Answer(patient(t), restart)
	again(restarted, err)
	requireOneAuthor(t, restarted, restart)
	require.NotEqual(t, line(answer, "a=ice-ufrag"), line(restarted, "a=ice-ufrag"))

	for _, direction := range []media.Direction{media.SendOnly, media.Inactive, media.SendRecv} {
		leg.SetDirection(direction)
		ours, errOurs := leg.Offer(patient(t))
		again(ours, errOurs)
		requireOneAuthor(t, ours, restart)
		require.Contains(t, string(ours), "a="+string(direction)+"\r\n")
		require.NoError(t, leg.Accept(patient(t), restart))
	}
	ours, err := leg.RestartICE(patient(t))
	again(ours, err)
	requireOneAuthor(t, ours, restart)

	first, err := newLeg(t, newEngine(t, nil)).Offer(patient(t))
	require.NoError(t, err)
	requireOneAuthor(t, first, nil)
}

func candidateAddrs(t *testing.T, text []byte) []string {
	t.Helper()
	var found []string
	for l := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(l), "a=candidate:"); ok {
			found = append(found, strings.Fields(value)[4])
		}
	}
	require.NotEmpty(t, found, "%s", text)
	slices.Sort(found)
	return slices.Compact(found)
}

// Field lesson 8: a browser is told of configured addresses only.
func TestFieldLesson08_CandidatesAreConfiguredAddresses(t *testing.T) {
	t.Parallel()
	listen := func(addrs ...string) []netip.AddrPort {
		var parsed []netip.AddrPort
		for _, a := range addrs {
			parsed = append(parsed, netip.MustParseAddrPort(a))
		}
		return parsed
	}
	for name, c := range map[string]struct {
		opts media.EngineOptions
		want []string
	}{
		"one of many":         {media.EngineOptions{Listen: listen("127.0.0.2:0")}, []string{"127.0.0.2"}},
		"two":                 {media.EngineOptions{Listen: listen("127.0.0.1:0", "127.0.0.3:0")}, []string{"127.0.0.1", "127.0.0.3"}},
		"behind a NAT":        {media.EngineOptions{Listen: listen("127.0.0.1:0", "127.0.0.3:0"), NAT1To1: []netip.Addr{netip.MustParseAddr("203.0.113.7")}}, []string{"203.0.113.7"}},
		"IPv6 named, no NAT6": {media.EngineOptions{Listen: listen("127.0.0.1:0", "[::1]:0"), NAT1To1: []netip.Addr{netip.MustParseAddr("203.0.113.7")}}, []string{"203.0.113.7", "::1"}},
	} {
		engine := newEngine(t, func(o *media.EngineOptions) { o.Listen, o.NAT1To1, o.TCP = c.opts.Listen, c.opts.NAT1To1, true })
		offer, err := newLeg(t, engine).Offer(patient(t))
		require.NoError(t, err)
		require.Equal(t, c.want, candidateAddrs(t, offer), name)
		require.NotContains(t, string(offer), ".local", "no mDNS")
		require.Contains(t, string(offer), "c=IN IP4 "+c.want[0]+"\r\n")
		require.Contains(t, string(offer), " udp ")
		requireTCPBesideUDP(t, offer)
	}
}

// requireTCPBesideUDP looks for the same places by TCP, each with a priority of its own below all of UDP.
func requireTCPBesideUDP(t *testing.T, text []byte) {
	t.Helper()
	places, priorities, foundations := map[string][]string{}, map[string][]int{}, map[string]string{}
	for l := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(strings.TrimSpace(l), "a=candidate:")
		if !ok {
			continue
		}
		fields := strings.Fields(value)
		priority, err := strconv.Atoi(fields[3])
		require.NoError(t, err)
		places[fields[2]] = append(places[fields[2]], fields[4]+" "+fields[5])
		priorities[fields[2]] = append(priorities[fields[2]], priority)
		require.Contains(t, []string{"", fields[2]}, foundations[fields[0]], "foundations differ by protocol (RFC 8445 section 5.1.1.3): %s", text)
		foundations[fields[0]] = fields[2]
		if fields[2] == "tcp" {
			require.Equal(t, "typ host tcptype passive", strings.Join(fields[6:], " "))
			require.Equal(t, "1", fields[1])
		}
	}
	require.NotEmpty(t, places["tcp"])
	require.Equal(t, places["udp"], places["tcp"])
	require.Less(t, slices.Max(priorities["tcp"]), slices.Min(priorities["udp"]))
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(priorities["tcp"]))), len(places["tcp"]))
}

// An unspecified address stands for those of the interfaces that are wanted, and with a NAT for those that are seen outside.
func TestFieldLesson08_InterfaceFilter(t *testing.T) {
	t.Parallel()
	interfaces, err := net.Interfaces()
	require.NoError(t, err)
	for _, wanted := range interfaces {
		var has []string
		addrs, errAddrs := wanted.Addrs()
		require.NoError(t, errAddrs)
		for _, addr := range addrs {
			has = append(has, netip.MustParsePrefix(addr.String()).Addr().String())
		}
		opts := media.EngineOptions{
			Listen: []netip.AddrPort{netip.MustParseAddrPort("[::]:0")}, Logger: quiet(),
			Interfaces: func(name string) bool { return name == wanted.Name },
		}
		if wanted.Flags&net.FlagLoopback != 0 || wanted.Flags&net.FlagUp == 0 {
			_, err = media.NewEngine(opts)
			require.ErrorIs(t, err, media.ErrConfig, "a browser elsewhere can't reach %s", wanted.Name)
			continue
		}
		engine := newEngine(t, func(o *media.EngineOptions) { *o = opts })
		offer, errOffer := newLeg(t, engine).Offer(patient(t))
		require.NoError(t, errOffer)
		require.Subset(t, has, candidateAddrs(t, offer), wanted.Name)

		opts.NAT1To1 = []netip.Addr{netip.MustParseAddr("203.0.113.7")}
		natted := newEngine(t, func(o *media.EngineOptions) { *o = opts })
		offer, err = newLeg(t, natted).Offer(patient(t))
		require.NoError(t, err)
		require.Equal(t, []string{"203.0.113.7"}, candidateAddrs(t, offer), "the addresses of the other family were not configured")
	}
}

// Whoever can't prove the certificate that the description named is not heard, and hears nothing.
func TestForgedFingerprintIsRefused(t *testing.T) {
	t.Parallel()
	forge := func(text []byte) []byte {
		fingerprint := line(text, "a=fingerprint:")
		last := byte('0')
		if strings.HasSuffix(fingerprint, "0") {
			last = '1'
		}
		return []byte(strings.ReplaceAll(string(text), fingerprint, fingerprint[:len(fingerprint)-1]+string(last)))
	}
	for name, call := range map[string]func(*browser, *media.BrowserLeg){
		"in an offer": func(b *browser, leg *media.BrowserLeg) {
			answer, err := leg.Answer(patient(b.t), forge(b.offer(nil)))
			require.NoError(b.t, err)
			b.accept(answer)
		},
		"in an answer": func(b *browser, leg *media.BrowserLeg) {
			offer, err := leg.Offer(patient(b.t))
			require.NoError(b.t, err)
			require.NoError(b.t, leg.Accept(patient(b.t), forge(b.answer(offer))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leg, b := newLeg(t, newEngine(t, nil)), newBrowser(t, browserOptions{})
			states := make(chan media.PeerState, 16)
			leg.OnState(func(s media.PeerState) { states <- s })
			call(b, leg)
			talk(t, browserHz, b.write)
			for state := range states {
				require.NotEqual(t, media.PeerConnected, state)
				if state == media.PeerFailed || state == media.PeerClosed {
					break
				}
			}
			require.Zero(t, leg.Quality().Received)
			require.Error(t, leg.Peer().WriteRTP(media.Audio, talkHeader(), []byte{1}), "nothing is sent in clear or to anybody")
		})
	}
}

// A second identity in a running call is somebody else's.
func TestAnotherFingerprintLaterIsRefused(t *testing.T) {
	t.Parallel()
	leg, b := newLeg(t, newEngine(t, nil)), newBrowser(t, browserOptions{})
	ours := listen(t, leg)
	b.call(patient(t), leg)
	talk(t, browserHz, b.write)
	requireTalk(t, b, ours)
	restart := b.offer(&webrtc.OfferOptions{ICERestart: true})
	fingerprint := line(restart, "a=fingerprint:")
	forged := []byte(strings.ReplaceAll(string(restart), fingerprint, "a=fingerprint:sha-256 "+strings.Repeat("00:", 31)+"00"))
	_, err := leg.Answer(patient(t), forged)
	require.ErrorIs(t, err, media.ErrBadSDP)
	require.ErrorContains(t, err, "fingerprint")
	offer, err := leg.RestartICE(patient(t))
	require.NoError(t, err)
	require.ErrorIs(t, leg.Accept(patient(t), forged), media.ErrBadSDP)
	require.NotEmpty(t, offer)
	answer, err := leg.Answer(patient(t), restart)
	require.NoError(t, err, "the call itself goes on")
	b.accept(answer)
	requireTalk(t, b, ours)
}
