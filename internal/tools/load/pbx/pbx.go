package pbx

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"sidecar/internal/tools/load/meter"
	"sidecar/internal/tools/load/siptext"
)

const (
	echoes       = 8 // sockets that share the calls, so that no receive buffer is small for its share
	socketBuffer = 4 << 20
	bufferSize   = 65536
	rtpHeader    = 12
	ssrcAt       = 8
)

// PBX is the server. Make one with Start, end it with Close.
type PBX struct {
	traffic *meter.Traffic
	signal  *net.UDPConn
	echo    []*net.UDPConn
	control []*net.UDPConn // the RTCP ports beside, which nobody reads
	calls   atomic.Uint64
	wg      sync.WaitGroup

	Registers atomic.Uint64 // REGISTER requests answered
}

// Start opens the sockets on 127.0.0.1 and begins to serve.
func Start(traffic *meter.Traffic) (*PBX, error) {
	p := &PBX{traffic: traffic}
	var err error
	if p.signal, err = listen(0); err != nil {
		return nil, err
	}
	for range echoes {
		if err = p.addEcho(); err != nil {
			return nil, fmt.Errorf("echo: %w", errors.Join(err, p.Close()))
		}
	}
	p.wg.Go(p.serve)
	for _, conn := range p.echo {
		p.wg.Go(func() { p.sendBack(conn) })
	}
	return p, nil
}

// addEcho takes an even port and the next one.
func (p *PBX) addEcho() error {
	var last error
	for range 100 {
		conn, err := listen(0)
		if err != nil {
			return err
		}
		port := portOf(conn)
		if port%2 == 0 {
			other, err := listen(port + 1)
			if err == nil {
				p.echo, p.control = append(p.echo, conn), append(p.control, other)
				return nil
			}
			last = err
		}
		_ = conn.Close()
	}
	return fmt.Errorf("%w: %w", errPorts, errors.Join(last))
}

func listen(port int) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)))) //nolint:gosec // a port
	if err != nil {
		return nil, fmt.Errorf("listen on udp port %d: %w", port, err)
	}
	_ = conn.SetReadBuffer(socketBuffer) // as much of it as the system allows
	return conn, nil
}

func portOf(conn *net.UDPConn) int {
	if addr, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return addr.Port
	}
	return 0
}

// Addr is where SIP is spoken.
func (p *PBX) Addr() string { return p.signal.LocalAddr().String() }

// Description is the session description of a call of its own, with one of the echoes.
func (p *PBX) Description() string {
	port := portOf(p.echo[p.calls.Add(1)%echoes])
	return fmt.Sprintf("v=0\r\no=echo 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n", port)
}

// Close ends everything.
func (p *PBX) Close() error {
	errs := []error{p.signal.Close()}
	for _, conn := range append(p.echo, p.control...) {
		errs = append(errs, conn.Close())
	}
	p.wg.Wait()
	return errors.Join(errs...)
}

func (p *PBX) serve() {
	buffer := make([]byte, bufferSize)
	for {
		n, from, err := p.signal.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if res := p.answer(siptext.Parse(string(buffer[:n]))); res != nil {
			_, _ = p.signal.WriteToUDPAddrPort(res.Bytes(), from)
		}
	}
}

// answer is the same for a request and its repetition, but for the echo of an INVITE, and any echo will do.
func (p *PBX) answer(m *siptext.Message) *siptext.Message {
	const tag = "pbx"
	if m.Status() != 0 {
		return nil
	}
	switch m.Method() {
	case "", "ACK":
		return nil
	case "REGISTER":
		p.Registers.Add(1)
		expires := m.Get("Expires")
		if expires == "" {
			expires = "3600"
		}
		return m.Respond(200, "OK", tag, "Contact: "+m.Get("Contact"), "Expires: "+expires)
	case "INVITE":
		res := m.Respond(200, "OK", tag, "Contact: <sip:echo@"+p.Addr()+">")
		res.Body = p.Description()
		return res
	default:
		return m.Respond(200, "OK", tag)
	}
}

func (p *PBX) sendBack(conn *net.UDPConn) {
	buffer := make([]byte, bufferSize)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if n == rtpHeader+meter.PayloadSize {
			p.traffic.Echoed(buffer[rtpHeader:n])
			buffer[ssrcAt] ^= 0xff // a stream of its own, as every sender has
		}
		_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
	}
}
