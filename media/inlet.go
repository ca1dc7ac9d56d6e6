package media

import (
	"io"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4/packetio"
)

// inlet stands where Pion would put a buffer between its SRTP session and whoever reads a stream: what was decrypted goes on
// in the session's own goroutine. That spares each leg three goroutines and a copy of each packet; and a stream that the
// PeerConnection can't make sense of (an SSRC that the page didn't announce, comfort noise) arrives like any other.
type inlet struct {
	peer   *pionPeer
	ssrc   uint32
	packet rtp.Packet // used again and again
}

// newInlet is a BufferFactory of Pion's; it is called once for each SSRC and kind.
func (p *pionPeer) newInlet(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind == packetio.RTCPBufferPacket {
		return &reportInlet{inlet{peer: p, ssrc: ssrc}}
	}
	return &inlet{peer: p, ssrc: ssrc}
}

// Write takes an RTP packet. What it can't read is none of the session's concern.
func (i *inlet) Write(b []byte) (int, error) {
	if fn := i.peer.onRTP.Load(); fn != nil && i.packet.Unmarshal(b) == nil {
		(*fn)(Audio, &i.packet)
	}
	return len(b), nil
}

// Read implements [io.Reader]: nothing is ever left to be read.
func (*inlet) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements [io.Closer].
func (*inlet) Close() error { return nil }

type reportInlet struct{ inlet }

// Write takes one packet of a compound, which Pion hands to each stream that it is about; the first one counts.
func (i *reportInlet) Write(b []byte) (int, error) {
	fn := i.peer.onRTCP.Load()
	if fn == nil {
		return len(b), nil
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil || len(packets) == 0 {
		return len(b), nil //nolint:nilerr // what can't be read is none of the session's concern
	}
	if about := packets[0].DestinationSSRC(); len(about) == 0 || about[0] == i.ssrc {
		(*fn)(Audio, packets)
	}
	return len(b), nil
}
