package sip_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

// What was read before the end may be looked at any time after it, and must not make a socket that nobody closes.
func TestWhatComesToItsTurnAfterTheEndOpensNoSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *sip.Options) { o.ListenUDP = "127.0.0.1:0" })
	var senders []net.Addr
	for i := range 3 {
		conn, err := net.Dial("udp", w.AddrUDP().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write(fmt.Appendf(nil, crlf("OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK%d\nMax-Forwards: 70\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: late\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"), i))
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 2000))
		require.NoError(t, err)
		senders = append(senders, conn.LocalAddr())
	}
	for _, sender := range senders {
		found, _ := w.Answers(sender)
		require.True(t, found)
	}
	w.Close()
	for _, sender := range senders {
		found, err := w.Answers(sender)
		require.True(t, found, "%s", sender)
		require.ErrorIs(t, err, sip.ErrClosed)
	}
}
