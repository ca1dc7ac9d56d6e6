package media_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/stretchr/testify/require"

	"sidecar/media"
)

// silentPeer stands for a transport where only the text matters.
type silentPeer struct {
	remote  media.Transport
	onRTP   func(media.MediaID, *rtp.Packet)
	onState func(media.PeerState)
}

func (p *silentPeer) transport() media.Transport {
	return media.Transport{
		Ufrag: "ours", Password: "oursoursoursoursoursours", Fingerprint: "sha-256 AA", Setup: "actpass", SSRC: 42,
		Candidates: []string{"1 1 tcp 1 192.0.2.9 9 typ host", "1 1 udp 1 192.0.2.1 40000 typ host"},
	}
}
func (p *silentPeer) Offer(context.Context) (media.Transport, error) { return p.transport(), nil }
func (p *silentPeer) Answer(_ context.Context, remote media.Transport, _ []media.Format) (media.Transport, error) {
	p.remote = remote
	return p.transport(), nil
}

func (p *silentPeer) Accept(_ context.Context, remote media.Transport, _ []media.Format) error {
	p.remote = remote
	return nil
}

func (p *silentPeer) RestartICE(context.Context) (media.Transport, error)     { return p.transport(), nil }
func (p *silentPeer) OnRTP(fn func(media.MediaID, *rtp.Packet))               { p.onRTP = fn }
func (p *silentPeer) WriteRTP(media.MediaID, *rtp.Header, []byte) error       { return nil }
func (p *silentPeer) OnRTCP(func(media.MediaID, []rtcp.Packet))               {}
func (p *silentPeer) WriteRTCP(id media.MediaID, packets []rtcp.Packet) error { return nil }
func (p *silentPeer) OnState(fn func(media.PeerState))                        { p.onState = fn }
func (p *silentPeer) Close() error                                            { return nil }

// pageOffer is an offer as browsers write it, cut to what matters.
const pageOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a1 v1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" +
	"a=candidate:1 1 udp 2122260223 192.0.2.77 50000 typ host generation 0\r\n" +
	"a=candidate:2 1 udp 2122260222 0e1c8b43-6e4b-4a3f-9d5c-1.local 50001 typ host\r\n" +
	"a=ice-ufrag:Ab1+\r\na=ice-pwd:passwordpasswordpassword\r\na=fingerprint:sha-256 11:22\r\na=setup:actpass\r\na=mid:a1\r\na=sendrecv\r\na=rtcp-mux\r\n" +
	"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\n" +
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n" +
	"a=ssrc:3735928559 cname:x\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v1\r\n"

func TestAnswerNamesOneCodecByOurOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		codecs []media.Codec
		want   []media.Format
	}{
		{[]media.Codec{media.PCMU, media.Opus}, []media.Format{{Codec: media.PCMU, PayloadType: 0}, {Codec: media.Event8k, PayloadType: 126}}},
		{
			[]media.Codec{media.Opus, media.PCMU},
			[]media.Format{{Codec: media.Opus, PayloadType: 111, Params: "minptime=10;useinbandfec=1"}, {Codec: media.Event48k, PayloadType: 110}},
		},
		{[]media.Codec{media.G722}, []media.Format{{Codec: media.G722, PayloadType: 9}, {Codec: media.Event8k, PayloadType: 126}}},
	} {
		peer := &silentPeer{}
		leg := media.NewBrowserLeg(peer, c.codecs)
		answer, err := leg.Answer(t.Context(), []byte(pageOffer))
		require.NoError(t, err)
		require.Equal(t, c.want, leg.Formats())
		require.Equal(t, media.Transport{
			Ufrag: "Ab1+", Password: "passwordpasswordpassword", Fingerprint: "sha-256 11:22", Setup: "actpass", SSRC: 3735928559,
			Candidates: []string{"1 1 udp 2122260223 192.0.2.77 50000 typ host generation 0"},
		}, peer.remote, "names in candidates are not resolved")

		var parsed sdp.SessionDescription
		require.NoError(t, parsed.Unmarshal(answer), "%s", answer)
		require.Len(t, parsed.MediaDescriptions, 2, "a line for each line of the offer")
		require.Len(t, parsed.MediaDescriptions[0].MediaName.Formats, 2)
		require.Zero(t, parsed.MediaDescriptions[1].MediaName.Port.Value, "video is refused")
		group, _ := parsed.Attribute("group")
		require.Equal(t, "BUNDLE a1", group, "the refused line is not in the bundle")
		mid, _ := parsed.MediaDescriptions[0].Attribute("mid")
		require.Equal(t, "a1", mid)
		require.Equal(t, 40000, parsed.MediaDescriptions[0].MediaName.Port.Value)
	}
}

func TestCodecOfARunningCallStays(t *testing.T) {
	t.Parallel()
	leg := media.NewBrowserLeg(&silentPeer{}, []media.Codec{media.PCMA})
	_, err := leg.Answer(t.Context(), []byte(pageOffer))
	require.NoError(t, err)
	leg.Prefer(media.DefaultCodecs())
	_, err = leg.Answer(t.Context(), []byte(strings.Replace(pageOffer, "sendrecv", "sendonly", 1)))
	require.NoError(t, err)
	require.Equal(t, media.PCMA, leg.Formats()[0].Codec)
}

func TestOfferListsCodecsInOrder(t *testing.T) {
	t.Parallel()
	leg := media.NewBrowserLeg(&silentPeer{}, []media.Codec{media.G722, media.Opus, media.PCMU})
	offer, err := leg.Offer(t.Context())
	require.NoError(t, err)
	require.Contains(t, string(offer), "m=audio 40000 UDP/TLS/RTP/SAVPF 9 111 0 126 110\r\nc=IN IP4 192.0.2.1\r\n")
	codecs, err := media.OfferedCodecs(offer)
	require.NoError(t, err)
	require.Equal(t, []media.Codec{media.G722, media.Opus, media.PCMU}, codecs)
	require.ErrorIs(t, leg.Accept(t.Context(), []byte(strings.Replace(strings.Replace(pageOffer, "111 63 9 0 8 13 110 126", "8", 1), "actpass", "active", 1))), media.ErrNoCodec)
}

func TestAnswerWithoutOffer(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, media.NewBrowserLeg(&silentPeer{}, media.DefaultCodecs()).Accept(t.Context(), []byte(pageOffer)), media.ErrNoOffer)
}

func TestBadBrowserOffersAreRefusedByName(t *testing.T) {
	t.Parallel()
	cut := func(part string) string { return strings.Replace(pageOffer, part, "", 1) }
	change := func(from, to string) string { return strings.Replace(pageOffer, from, to, 1) }
	for name, c := range map[string]struct {
		text string
		want error
		says string
	}{
		"empty":              {"", media.ErrBadSDP, ""},
		"no text":            {"\x00\xff", media.ErrBadSDP, ""},
		"huge":               {pageOffer + strings.Repeat("a=x:y\r\n", 10000), media.ErrBadSDP, "octets"},
		"audio switched off": {change("m=audio 9", "m=audio 0"), media.ErrBadSDP, "no audio line"},
		"port":               {change("m=audio 9", "m=audio 70000"), media.ErrBadSDP, "70000"},
		"no ufrag":           {cut("a=ice-ufrag:Ab1+\r\n"), media.ErrBadSDP, "ice-ufrag"},
		"no password":        {cut("a=ice-pwd:passwordpasswordpassword\r\n"), media.ErrBadSDP, "ice-pwd"},
		"no fingerprint":     {cut("a=fingerprint:sha-256 11:22\r\n"), media.ErrBadSDP, "fingerprint"},
		"no rtcp-mux":        {cut("a=rtcp-mux\r\n"), media.ErrBadSDP, "rtcp-mux"},
		"plain RTP":          {change("UDP/TLS/RTP/SAVPF 111", "RTP/AVP 111"), media.ErrBadSDP, "DTLS-SRTP"},
		"passive":            {change("actpass", "passive"), media.ErrBadSDP, "passive"},
		"no c= line":         {strings.ReplaceAll(pageOffer, "c=IN IP4 0.0.0.0\r\n", ""), media.ErrBadSDP, "c="},
		"name in c=":         {change("c=IN IP4 0.0.0.0", "c=IN IP4 host.example"), media.ErrBadSDP, "host.example"},
		"strange codecs":     {change("111 63 9 0 8 13 110 126", "63 13"), media.ErrNoCodec, "no common codec"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := media.NewBrowserLeg(&silentPeer{}, media.DefaultCodecs()).Answer(t.Context(), []byte(c.text))
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
		})
	}
	_, err := media.OfferedCodecs([]byte(change("111 63 9 0 8 13 110 126", "63 13")))
	require.ErrorIs(t, err, media.ErrNoCodec)
}

func TestParseCodec(t *testing.T) {
	t.Parallel()
	for _, c := range media.DefaultCodecs() {
		parsed, err := media.ParseCodec(strings.ToLower(c.String()))
		require.NoError(t, err)
		require.Equal(t, c, parsed)
	}
	_, err := media.ParseCodec("G729")
	require.ErrorIs(t, err, media.ErrConfig)
	require.ErrorContains(t, err, "G729")
}

// What anybody sends is answered with a description that can be read, or with an error.
func FuzzBrowserOffer(f *testing.F) {
	f.Add([]byte(pageOffer))
	f.Add([]byte(strings.ReplaceAll(pageOffer, "\r\n", "\n")))
	f.Add([]byte("v=0\r\nm=audio 9 x 0\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, err := media.NewBrowserLeg(&silentPeer{}, media.DefaultCodecs()).Answer(context.Background(), text)
		if err != nil {
			return
		}
		var parsed sdp.SessionDescription
		if err = parsed.Unmarshal(answer); err != nil {
			t.Fatalf("%v\n%s", err, answer)
		}
	})
}
