package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// RTPOptions are the settings of one session towards an upstream.
type RTPOptions struct {
	Codecs []Codec // that the leg may use, in order of preference
	// Advertise is the address in our descriptions where it isn't the socket's own: behind a 1:1 NAT.
	Advertise netip.Addr
	// BehindNAT lets the other side send from an address that its description doesn't name. Off, only the named host is
	// heard, from whatever port.
	BehindNAT bool
	// ReportInterval is the time between two RTCP reports; 0 stands for DefaultReportInterval.
	ReportInterval time.Duration
	Logger         *slog.Logger
}

// RTPSession is the leg towards an upstream: plain RTP and RTCP on a pair of ports of its own, and the descriptions that
// say so. Its negotiating methods may be called from one goroutine at a time; the SIP dialog sees to that.
type RTPSession struct {
	stream
	pool    *PortPool
	pair    *portPair
	opts    RTPOptions
	ip      netip.Addr // that we advertise
	readers sync.WaitGroup
	reports reporter
	once    sync.Once
	closed  atomic.Bool

	gate  gate
	sends atomic.Bool // offer and answer let us send

	// The relay, music and DTMF write from goroutines of their own.
	wmu    sync.Mutex
	buffer [receiveMTU]byte

	nmu       sync.Mutex
	sessionID uint64
	version   uint64
	codecs    []Codec
	wanted    Direction
	remote    *description
	agreed    []Format
	offered   bool
	last      string // text of our last description behind the o= line
}

// NewRTPSession takes a pair of ports and begins to listen.
func NewRTPSession(ctx context.Context, pool *PortPool, opts RTPOptions) (*RTPSession, error) {
	pair, err := pool.acquire(ctx)
	if err != nil {
		return nil, err
	}
	if opts.ReportInterval == 0 {
		opts.ReportInterval = DefaultReportInterval
	}
	s := &RTPSession{
		pool: pool, pair: pair, opts: opts, ip: pool.ip, codecs: slices.Clone(opts.Codecs), wanted: SendRecv,
		sessionID: rand.Uint64() >> 2, //nolint:gosec // an id, no secret
	}
	if opts.Advertise.IsValid() {
		s.ip = opts.Advertise
	}
	s.ssrc = rand.Uint32() //nolint:gosec // RFC 3550 wants it random, not secret
	s.gate.behindNAT = opts.BehindNAT
	s.readers.Go(func() { s.read(pair.rtp, s.takeRTP) })
	s.readers.Go(func() { s.read(pair.rtcp, s.takeRTCP) })
	return s, nil
}

// LocalAddr is where we want RTP to be sent, as our descriptions say.
func (s *RTPSession) LocalAddr() netip.AddrPort { return netip.AddrPortFrom(s.ip, s.pair.port) }

// RemoteAddr is where our RTP goes: what the other side described, or where it really sends from.
func (s *RTPSession) RemoteAddr() netip.AddrPort { return s.gate.target() }

// read is the reader of one socket; it ends when the socket is closed.
func (s *RTPSession) read(conn *net.UDPConn, take func(datagram []byte, from netip.AddrPort, packet *rtp.Packet)) {
	buffer := make([]byte, receiveMTU)
	var packet rtp.Packet
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // ICMP errors of earlier packets come back here
		}
		take(buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), &packet)
	}
}

// isRTCP tells the two apart on one port by the second octet (RFC 5761 section 4).
func isRTCP(datagram []byte) bool {
	return len(datagram) > 1 && datagram[1] >= 192 && datagram[1] <= 223
}

func (s *RTPSession) takeRTP(datagram []byte, from netip.AddrPort, packet *rtp.Packet) {
	if isRTCP(datagram) {
		s.takeRTCP(datagram, from, packet)
		return
	}
	if err := packet.Unmarshal(datagram); err != nil || packet.Version != 2 {
		s.malformed.Add(1)
		return
	}
	if !s.gate.admit(from, &packet.Header, s.codecOf(packet.PayloadType) != Unknown) {
		s.strangers.Add(1)
		return
	}
	s.receive(packet, time.Now())
}

func (s *RTPSession) takeRTCP(datagram []byte, from netip.AddrPort, _ *rtp.Packet) {
	if !s.gate.knows(from.Addr()) {
		s.strangers.Add(1)
		return
	}
	packets, err := rtcp.Unmarshal(datagram)
	if err != nil {
		s.malformed.Add(1)
		return
	}
	s.takeReports(packets, time.Now())
}

// SetSink sets who takes what arrives; nil is nobody.
func (s *RTPSession) SetSink(sink Sink) { setSink(&s.sink, sink) }

// SetTap sets who listens in on what arrives; nil is nobody, and costs nothing.
func (s *RTPSession) SetTap(tap Sink) { setSink(&s.tap, tap) }

func setSink(place *atomic.Pointer[Sink], sink Sink) {
	if sink == nil {
		place.Store(nil)
		return
	}
	place.Store(&sink)
}

// Forward sends a packet of a source as the next one of our stream. It changes the header; the payload is left alone.
// What the direction forbids is not sent and not an error.
func (s *RTPSession) Forward(source uint64, codec Codec, header *rtp.Header, payload []byte) error {
	if !s.sends.Load() {
		return nil
	}
	if !s.stamp(source, header, codec, payload, time.Now()) {
		s.unsent.Add(1)
		return nil
	}
	return s.write(header, payload)
}

// Alive reports whether media of the other side may still come: not when neither RTP nor RTCP came for as long as limit.
// A side that is on hold, or that was just told something new, owes us nothing.
func (s *RTPSession) Alive(now time.Time, limit time.Duration) bool {
	return !s.Direction().Receives() || s.heardWithin(now, limit)
}

// Skip tells the stream that a packet of the source is left out on purpose.
func (s *RTPSession) Skip(source uint64, seq uint16) { s.skip(source, seq) }

// SendDigits sends DTMF digits as RFC 4733 events, each of the given length, and returns when they are out.
func (s *RTPSession) SendDigits(ctx context.Context, digits string, length time.Duration) error {
	return s.sendDigits(ctx, digits, length, s.write)
}

func (s *RTPSession) write(header *rtp.Header, payload []byte) error {
	if s.closed.Load() {
		return ErrClosed
	}
	to := s.gate.target()
	if !to.IsValid() || to.Addr().IsUnspecified() {
		s.unsent.Add(1)
		return nil
	}
	s.wmu.Lock()
	defer s.wmu.Unlock()
	n, err := header.MarshalTo(s.buffer[:])
	if err != nil {
		s.unsent.Add(1)
		return fmt.Errorf("write an RTP header: %w", err)
	}
	if n+len(payload) > len(s.buffer) {
		s.unsent.Add(1)
		return fmt.Errorf("write an RTP packet: %w", ErrTooLong)
	}
	n += copy(s.buffer[n:], payload)
	if _, err = s.pair.rtp.WriteToUDPAddrPort(s.buffer[:n], to); err != nil {
		s.unsent.Add(1)
		return fmt.Errorf("send RTP to %s: %w", to, err)
	}
	return nil
}

// sendReport is called by the reporter.
func (s *RTPSession) sendReport() {
	to := s.gate.reportTarget()
	if !to.IsValid() || to.Addr().IsUnspecified() {
		return
	}
	data, err := rtcp.Marshal(s.report(time.Now()))
	if err == nil {
		_, err = s.pair.rtcp.WriteToUDPAddrPort(data, to)
	}
	if err != nil {
		s.opts.Logger.Debug("rtcp_send_failed", "to", to, "error", err)
	}
}

// Close says good-bye by RTCP, gives the ports back and returns when the readers are gone.
func (s *RTPSession) Close() error {
	var err error
	s.once.Do(func() {
		s.closed.Store(true)
		s.reports.close()
		if to := s.gate.reportTarget(); to.IsValid() && !to.Addr().IsUnspecified() {
			if data, errMarshal := rtcp.Marshal(append(s.report(time.Now()), &rtcp.Goodbye{Sources: []uint32{s.ssrc}})); errMarshal == nil {
				if _, errWrite := s.pair.rtcp.WriteToUDPAddrPort(data, to); errWrite != nil {
					s.opts.Logger.Debug("rtcp_bye_failed", "to", to, "error", errWrite)
				}
			}
		}
		err = s.pool.release(s.pair)
		s.readers.Wait()
	})
	return err
}
