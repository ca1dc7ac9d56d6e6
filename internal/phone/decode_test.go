package phone_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

// sdpCases feed the table test and seed the fuzz test.
func sdpCases() map[string]struct {
	body      string
	addr      string
	codecs    []phone.Codec
	dtmf      uint8
	direction phone.Direction
	err       error
} {
	type c = struct {
		body      string
		addr      string
		codecs    []phone.Codec
		dtmf      uint8
		direction phone.Direction
		err       error
	}
	head := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	both := []phone.Codec{phone.PCMA, phone.PCMU}
	return map[string]c{
		"plain":               {body: head + "m=audio 4000 RTP/AVP 8 0 97\r\na=rtpmap:97 telephone-event/8000\r\n", addr: "192.0.2.1:4000", codecs: both, dtmf: 97, direction: phone.SendRecv},
		"media address wins":  {body: head + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\n", addr: "192.0.2.9:4000", codecs: both[1:], direction: phone.SendRecv},
		"held":                {body: head + "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", addr: "192.0.2.1:4000", codecs: both[1:], direction: phone.SendOnly},
		"held by the session": {body: head + "a=inactive\r\nm=audio 4000 RTP/AVP 0\r\n", addr: "192.0.2.1:4000", codecs: both[1:], direction: phone.Inactive},
		"media direction wins": {
			body: head + "a=inactive\r\nm=audio 4000 RTP/AVP 0\r\na=recvonly\r\n", addr: "192.0.2.1:4000", codecs: both[1:], direction: phone.RecvOnly,
		},
		"held the old way":   {body: strings.ReplaceAll(head, "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0") + "m=audio 4000 RTP/AVP 0\r\n", addr: "0.0.0.0:4000", codecs: both[1:], direction: phone.Inactive},
		"audio after video":  {body: head + "m=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 0\r\n", addr: "192.0.2.1:4000", codecs: both[1:], direction: phone.SendRecv},
		"no codec of ours":   {body: head + "m=audio 4000 RTP/AVP 18\r\n", err: phone.ErrNoCodec},
		"no audio":           {body: head, err: phone.ErrBadSDP},
		"refused audio":      {body: head + "m=audio 0 RTP/AVP 0\r\n", err: phone.ErrBadSDP},
		"port too large":     {body: head + "m=audio 70000 RTP/AVP 0\r\n", err: phone.ErrBadSDP},
		"no address":         {body: "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", err: phone.ErrBadSDP},
		"name, no address":   {body: strings.ReplaceAll(head, "c=IN IP4 192.0.2.1", "c=IN IP4 pbx.example") + "m=audio 4000 RTP/AVP 0\r\n", err: phone.ErrBadSDP},
		"nothing":            {body: "", err: phone.ErrBadSDP},
		"no session at all":  {body: "hello", err: phone.ErrBadSDP},
		"bad telephone type": {body: head + "m=audio 4000 RTP/AVP 0\r\na=rtpmap:999 telephone-event/8000\r\n", addr: "192.0.2.1:4000", codecs: both[1:], direction: phone.SendRecv},
	}
}

func TestParseSDP(t *testing.T) {
	t.Parallel()
	for name, c := range sdpCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := phone.ParseSDP([]byte(c.body))
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			addr, codecs, dtmf, direction := d.Fields()
			require.Equal(t, c.addr, addr)
			require.Equal(t, c.codecs, codecs)
			require.Equal(t, c.dtmf, dtmf)
			require.Equal(t, c.direction, direction)
		})
	}
}

// Whatever can be parsed can be answered, and the answer can be parsed.
func FuzzParseSDP(f *testing.F) {
	for _, c := range sdpCases() {
		f.Add([]byte(c.body))
	}
	local := netip.MustParseAddrPort("127.0.0.1:4000")
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := phone.ParseSDP(body)
		if err != nil {
			return
		}
		_, codecs, dtmf, direction := d.Fields()
		again, err := phone.ParseSDP(phone.FormatSDP(local, 1, 1, codecs[:1], dtmf, phone.SendRecv.AnswerTo(direction)))
		require.NoError(t, err)
		addr, answered, _, _ := again.Fields()
		require.Equal(t, local.String(), addr)
		require.Equal(t, codecs[:1], answered)
	})
}

func TestTakeInfo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType, body string
		digit             byte
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5'},
		{"Application/DTMF-Relay; charset=utf-8", "Duration=160\r\nSignal= *\r\n", '*'},
		{"application/dtmf", "d\r\n", 'D'},
		{"application/dtmf", "55", 0},
		{"application/dtmf-relay", "Duration=160", 0},
		{"application/dtmf-relay", "Signal=x", 0},
		{"text/plain", "5", 0},
		{"", "", 0},
	} {
		digit, ok := phone.TakeInfo(c.contentType, c.body)
		require.Equal(t, c.digit, digit, c.body)
		require.Equal(t, c.digit != 0, ok, c.body)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	allowed := map[phone.State][]phone.State{
		phone.Dialing:     {phone.Ringing, phone.Established, phone.Ended},
		phone.Ringing:     {phone.Established, phone.Ended},
		phone.Established: {phone.Ended},
		phone.Ended:       {},
	}
	for from := phone.Dialing; from <= phone.Ended; from++ {
		for to := phone.Dialing; to <= phone.Ended; to++ {
			if from.Next(to) {
				require.Contains(t, allowed[from], to, "%s -> %s", from, to)
			} else {
				require.NotContains(t, allowed[from], to, "%s -> %s", from, to)
			}
		}
	}
}

func TestAnswerTo(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]phone.Direction{
		{phone.SendRecv, phone.SendRecv, phone.SendRecv},
		{phone.SendRecv, phone.SendOnly, phone.RecvOnly},
		{phone.SendRecv, phone.RecvOnly, phone.SendOnly},
		{phone.SendRecv, phone.Inactive, phone.Inactive},
		{phone.SendOnly, phone.SendRecv, phone.SendOnly},
		{phone.SendOnly, phone.RecvOnly, phone.SendOnly},
		{phone.SendOnly, phone.SendOnly, phone.Inactive},
		{phone.SendOnly, phone.Inactive, phone.Inactive},
	} {
		require.Equal(t, c[2], c[0].AnswerTo(c[1]), "%s to %s", c[0], c[1])
	}
}

func TestTakeDatagrams(t *testing.T) {
	t.Parallel()
	header := func(pt, stamp byte) []byte { return []byte{0x80, pt, 0, 1, 0, 0, 0, stamp, 0, 0, 0, 9} }
	digits, samples := phone.TakeDatagrams(
		append(header(0, 1), 1, 2, 3),
		append(header(101, 2), 5, 10, 0, 160),
		append(header(101, 2), 5, 0x8a, 3, 32),
		append(header(101, 9), 11, 0x8a, 3, 32),
		append(header(101, 10), 16, 0x8a, 3, 32), // flash, not a digit
		append(header(101, 11), 5),               // too short
		append(header(18, 12), 1, 2, 3),          // not negotiated
		[]byte{0x80, 200, 0, 1, 0, 0, 0, 0},      // RTCP
		nil,
	)
	require.Equal(t, "5#", digits)
	require.Equal(t, 3, samples)
}

func FuzzTakeDatagram(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3})
	f.Add([]byte{0x80, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 5, 10, 0, 160})
	f.Add([]byte{0xb1, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		digits, samples := phone.TakeDatagrams(datagram)
		require.LessOrEqual(t, len(digits)+samples, len(datagram))
	})
}
