package phone

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"sidecar/internal/g711"
	"sidecar/internal/tone"
)

const (
	packetTime    = 20 * time.Millisecond
	packetSamples = tone.SampleRate / 50
	// maxCatchUp bounds the burst after a pause of the process: more would only fill the peer's jitter buffer.
	maxCatchUp = 5
	// quietTicks without a packet are heard as silence. They count ticks that were
	// executed, not time, so that a stalled process does not mistake its own pause for silence.
	quietTicks = 25
	// windowTicks is one window of the listener.
	windowTicks = 5
)

// media is the RTP side of one call: one socket, one sender, one reader.
type media struct {
	conn     *net.UDPConn
	local    netip.AddrPort
	id       uint64 // of our session descriptions
	codecs   []Codec
	listener *tone.Listener
	onDigit  func(byte)
	log      *slog.Logger
	mute     bool // Options.NoRTP
	cancel   context.CancelFunc

	freq     atomic.Uint64 // float64 bits of the tone that we send
	sent     atomic.Uint64
	received atomic.Uint64
	strays   atomic.Uint64 // packets of payload types that were not negotiated
	idle     atomic.Int64  // ticks since the last packet

	mu      sync.Mutex
	version uint64      // of our last session description
	peer    description // what the peer described last; zero before
	agreed  bool        // peer is set
	wanted  Direction   // SendOnly while we hold
	digits  dtmfSender
	source  netip.AddrPort

	// Owned by receive.
	inEvent   bool
	lastEvent uint32
}

// newMedia opens the socket; run starts the traffic.
func newMedia(ip netip.Addr, opts *Options) (*media, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return nil, fmt.Errorf("open the RTP socket: %w", err)
	}
	m := &media{
		conn: conn, id: rand.Uint64() >> 2, codecs: opts.Codecs, listener: tone.NewListener(), log: opts.Logger, //nolint:gosec // an id, no secret
		wanted: SendRecv, mute: opts.NoRTP, onDigit: func(byte) {}, cancel: func() {},
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort() // a UDPConn has a UDPAddr
	m.local = netip.AddrPortFrom(ip, local.Port())
	m.setTone(opts.Tone)
	return m, nil
}

// run starts the two goroutines of the stream; stop ends them.
func (m *media) run(ctx context.Context, wg *sync.WaitGroup) {
	ctx, m.cancel = context.WithCancel(ctx)
	wg.Go(func() { m.send(ctx) })
	wg.Go(m.receive)
}

// close ends what waits for the stream: the reader and the listener's waiters.
func (m *media) close() {
	m.listener.Close()
	if err := m.conn.Close(); err != nil {
		m.log.Debug("rtp_close_failed", "error", err)
	}
}

func (m *media) stop() { m.cancel() }

func (m *media) setTone(freq float64) { m.freq.Store(math.Float64bits(freq)) }

// offer describes what we want now.
func (m *media) offer() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	return formatSDP(m.local, m.id, m.version, m.codecs, dtmfPayloadType, m.wanted)
}

// accept takes over the peer's offer and returns our answer.
func (m *media) accept(offer []byte) ([]byte, error) {
	if err := m.agree(offer); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	return formatSDP(m.local, m.id, m.version, []Codec{m.codecLocked()}, m.peer.dtmf, m.wanted.answerTo(m.peer.direction)), nil
}

// agree takes over the peer's answer.
func (m *media) agree(body []byte) error {
	peer, err := parseSDP(body)
	if err != nil {
		return err
	}
	peer.codecs = slices.DeleteFunc(peer.codecs, func(c Codec) bool { return !slices.Contains(m.codecs, c) })
	if len(peer.codecs) == 0 {
		return fmt.Errorf("%w: this phone speaks %v only", ErrNoCodec, m.codecs)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peer, m.agreed = peer, true
	return nil
}

// want sets the direction that the next offer or answer asks for and returns the one before.
func (m *media) want(direction Direction) Direction {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.wanted
	m.wanted = direction
	return before
}

func (m *media) direction() Direction {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.agreed {
		return Inactive
	}
	return m.wanted.answerTo(m.peer.direction)
}

func (m *media) codecLocked() Codec { return m.peer.codecs[0] }

// send is the sender: one packet each 20 ms as long as the direction allows it.
func (m *media) send(ctx context.Context) {
	defer m.close()
	ticker := time.NewTicker(packetTime)
	defer ticker.Stop()
	stream := outStream{
		header:  rtp.Header{Version: 2, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32()), Timestamp: rand.Uint32()}, //nolint:gosec // RFC 3550 wants them random, not secret
		payload: make([]byte, packetSamples), samples: make([]int16, packetSamples), buffer: make([]byte, 1500),
	}
	start, done := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if idle := m.idle.Add(1); idle >= quietTicks && idle%windowTicks == 0 {
			m.listener.Quiet()
		}
		due := int(time.Since(start) / packetTime)
		done = max(done, due-maxCatchUp)
		for ; done < due; done++ {
			m.sendOne(&stream)
		}
	}
}

// outStream is what the sender alone owns.
type outStream struct {
	header    rtp.Header
	generator tone.Generator
	samples   []int16
	payload   []byte
	buffer    []byte
	talking   bool
}

func (m *media) sendOne(s *outStream) {
	freq := math.Float64frombits(m.freq.Load())
	m.mu.Lock()
	if m.wanted == SendOnly {
		freq = 0 // the one who holds does not talk to the held
	}
	sends := m.agreed && !m.mute && m.wanted.answerTo(m.peer.direction).sends()
	var codec Codec
	var event dtmfFrame
	if sends {
		codec = m.codecLocked()
		event = m.digits.next(m.peer.dtmf)
	}
	addr := m.peer.addr
	m.mu.Unlock()

	s.header.Timestamp += packetSamples
	if !sends {
		s.talking = false
		return
	}
	header, payload := s.header, s.payload
	switch {
	case event.active:
		header.PayloadType = event.payloadType
		header.Timestamp -= event.age
		header.Marker = event.first
		payload = event.payload[:]
		s.talking = false
	default:
		s.generator.Fill(s.samples, freq)
		for i, sample := range s.samples {
			if codec == PCMA {
				payload[i] = g711.EncodeALaw(sample)
			} else {
				payload[i] = g711.EncodeULaw(sample)
			}
		}
		header.PayloadType = codec.payloadType()
		header.Marker = !s.talking
		s.talking = true
	}
	s.header.SequenceNumber++
	header.SequenceNumber = s.header.SequenceNumber
	packet := rtp.Packet{Header: header, Payload: payload}
	n, err := packet.MarshalTo(s.buffer)
	if err == nil {
		_, err = m.conn.WriteToUDPAddrPort(s.buffer[:n], addr)
	}
	if err != nil {
		m.log.Debug("rtp_send_failed", "to", addr, "error", err)
		return
	}
	m.sent.Add(1)
}

// receive is the reader; it ends when the socket is closed.
func (m *media) receive() {
	buffer, samples := make([]byte, 2048), make([]int16, 0, 2048)
	for {
		n, source, err := m.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		samples = m.take(buffer[:n], source, samples[:0])
	}
}

// take handles one datagram.
func (m *media) take(datagram []byte, source netip.AddrPort, samples []int16) []int16 {
	// RTCP may come to the same port: RFC 5761 section 4 tells the two apart by this octet.
	if len(datagram) < 2 || datagram[1] >= 192 && datagram[1] <= 223 {
		return samples
	}
	var packet rtp.Packet
	if err := packet.Unmarshal(datagram); err != nil {
		m.strays.Add(1)
		return samples
	}
	m.mu.Lock()
	dtmf := m.peer.dtmf
	m.source = source
	m.mu.Unlock()
	if dtmf == 0 {
		dtmf = dtmfPayloadType
	}
	switch packet.PayloadType {
	case g711.PayloadTypePCMU:
		for _, octet := range packet.Payload {
			samples = append(samples, g711.DecodeULaw(octet))
		}
	case g711.PayloadTypePCMA:
		for _, octet := range packet.Payload {
			samples = append(samples, g711.DecodeALaw(octet))
		}
	case dtmf:
		m.takeDigit(&packet)
		return samples
	default:
		m.strays.Add(1)
		return samples
	}
	m.received.Add(1)
	m.idle.Store(0)
	m.listener.Write(samples)
	return samples
}
