package pbx_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/load/meter"
	"sidecar/internal/tools/load/pbx"
	"sidecar/internal/tools/load/siptext"
)

func TestEchoAndRegistrar(t *testing.T) {
	t.Parallel()
	traffic := meter.NewTraffic(1)
	traffic.Open()
	p, err := pbx.Start(traffic)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	ask := func(to string, data []byte) []byte {
		conn, errDial := net.Dial("udp4", to)
		require.NoError(t, errDial)
		defer func() { _ = conn.Close() }()
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, errDial = conn.Write(data)
		require.NoError(t, errDial)
		buffer := make([]byte, 2000)
		n, errDial := conn.Read(buffer)
		require.NoError(t, errDial)
		return buffer[:n]
	}
	headers := "Via: v\r\nFrom: <sip:a@b>;tag=f\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nContact: <sip:a@x>\r\nExpires: 60\r\nCSeq: 1 "
	res := siptext.Parse(string(ask(p.Addr(), []byte("REGISTER sip:b SIP/2.0\r\n"+headers+"REGISTER\r\n\r\n"))))
	require.Equal(t, 200, res.Status())
	require.Equal(t, "<sip:a@x>", res.Get("Contact"))
	require.Equal(t, "60", res.Get("Expires"))
	require.EqualValues(t, 1, p.Registers.Load())

	res = siptext.Parse(string(ask(p.Addr(), []byte("INVITE sip:echo@b SIP/2.0\r\n"+headers+"INVITE\r\n\r\n"))))
	require.Equal(t, 200, res.Status())
	_, media, ok := strings.Cut(res.Body, "m=audio ")
	require.True(t, ok)
	port, _, _ := strings.Cut(media, " ")
	packet := make([]byte, 12+meter.PayloadSize)
	packet[8] = 0x0f
	traffic.Stamp(packet[12:], 0)
	back := ask("127.0.0.1:"+port, packet)
	require.Equal(t, byte(0xf0), back[8], "a stream of its own")
	require.True(t, traffic.Returned(back[12:], 0))
	require.Zero(t, traffic.Lost())
	require.EqualValues(t, 1, traffic.Down.Summary().Count)
	require.Equal(t, 200, siptext.Parse(string(ask(p.Addr(), []byte("BYE sip:echo@b SIP/2.0\r\n"+headers+"BYE\r\n\r\n")))).Status())
}
