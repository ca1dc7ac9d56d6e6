package media

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

const (
	// iceDisconnected and iceFailed are how long consent may be missing. A page that reloads or a network that changes is
	// back within seconds; whoever owns the call decides what to do in between.
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second
	iceKeepalive    = 2 * time.Second
	// socketBuffer of the one UDP socket: 400 legs with 50 packets of 200 octets a second fill 1 MiB in a quarter of a second.
	socketBuffer = 4 << 20
	// tcpBuffer and tcpPackets bound what a slow TCP candidate may hold back; beyond it media is dropped.
	tcpBuffer  = 256 << 10
	tcpPackets = 64
	receiveMTU = 1500
)

// EngineOptions are the settings that all browser legs share.
type EngineOptions struct {
	// Listen are the addresses of the one UDP (and TCP) port: each with the same port. An unspecified address stands
	// for each address of the interfaces that Interfaces keeps.
	Listen []netip.AddrPort
	// TCP adds TCP candidates at the same addresses.
	TCP bool
	// Lite answers ICE checks and sends none (RFC 8445 section 2.5): cheaper, for servers with public addresses.
	Lite bool
	// NAT1To1 are the addresses under which the Listen addresses are seen from outside; they replace them in candidates.
	NAT1To1 []netip.Addr
	// Interfaces says which network interfaces to listen on when Listen is unspecified; nil keeps all.
	Interfaces func(name string) bool
	Logger     *slog.Logger
}

// Engine makes the browser legs' transports. It owns their sockets and their certificate.
type Engine struct {
	log      *slog.Logger
	settings webrtc.SettingEngine
	codecs   *webrtc.MediaEngine
	config   webrtc.Configuration
	lite     bool
	sockets  []*net.UDPConn
	muxes    []*udpMux
	closers  []func() error

	mu     sync.Mutex
	closed bool
	peers  map[*pionPeer]struct{}
}

// NewEngine opens the sockets and makes the certificate. Close gives both back.
func NewEngine(opts EngineOptions) (*Engine, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{log: opts.Logger, lite: opts.Lite, peers: map[*pionPeer]struct{}{}}
	if err := e.setUp(opts); err != nil {
		return nil, errors.Join(err, e.closeSockets())
	}
	return e, nil
}

func (e *Engine) setUp(opts EngineOptions) error {
	addrs, err := listenAddrs(&opts)
	if err != nil {
		return err
	}
	settings, err := newSettings(opts, addrs)
	if err != nil {
		return err
	}
	udp, err := e.listenUDP(addrs)
	if err != nil {
		return err
	}
	settings.SetICEUDPMux(udp)
	if opts.TCP {
		tcp, errTCP := e.listenTCP()
		if errTCP != nil {
			return errTCP
		}
		settings.SetICETCPMux(tcp)
	}
	codecs := &webrtc.MediaEngine{}
	for _, f := range offeredFormats(DefaultCodecs()) {
		if err = codecs.RegisterCodec(pionCodec(f), webrtc.RTPCodecTypeAudio); err != nil {
			return fmt.Errorf("register codec %s: %w", f.Codec, err)
		}
	}
	e.settings, e.codecs = *settings, codecs
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the DTLS key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return fmt.Errorf("make the DTLS certificate: %w", err)
	}
	e.config = webrtc.Configuration{
		Certificates: []webrtc.Certificate{*certificate}, BundlePolicy: webrtc.BundlePolicyMaxBundle, RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
	}
	return nil
}

func newSettings(opts EngineOptions, addrs []netip.AddrPort) (*webrtc.SettingEngine, error) {
	s := &webrtc.SettingEngine{LoggerFactory: pionLogs{log: opts.Logger}}
	s.SetLite(opts.Lite)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	s.SetReceiveMTU(receiveMTU)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if opts.TCP {
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.DisableActiveTCP(true)
	s.SetIPFilter(func(ip net.IP) bool {
		addr, ok := netip.AddrFromSlice(ip)
		return ok && slices.ContainsFunc(addrs, func(a netip.AddrPort) bool { return a.Addr() == addr.Unmap() })
	})
	s.SetIncludeLoopbackCandidate(slices.ContainsFunc(addrs, func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }))
	// Pion must not wait for a first packet of each stream to read: packets come by the inlets and never to a reader.
	s.SetFireOnTrackBeforeFirstRTP(true)
	// Always passive: if we were active after an offer of the browser, its next offer could not be answered alike.
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return nil, fmt.Errorf("set the DTLS role: %w", err)
	}
	if len(opts.NAT1To1) == 0 {
		return s, nil
	}
	rule := webrtc.ICEAddressRewriteRule{AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace}
	for _, addr := range opts.NAT1To1 {
		rule.External = append(rule.External, addr.String())
	}
	if err := s.SetICEAddressRewriteRules(rule); err != nil {
		return nil, fmt.Errorf("%w: 1:1 NAT addresses %v: %w", ErrConfig, opts.NAT1To1, err)
	}
	return s, nil
}

// listenAddrs replaces unspecified addresses by those of the interfaces that are wanted. Behind a 1:1 NAT an address of
// a family that has none outside is no address for browsers, unless it was named itself.
func listenAddrs(opts *EngineOptions) ([]netip.AddrPort, error) {
	if len(opts.Listen) == 0 {
		return nil, fmt.Errorf("%w: no listen address for the browsers' media", ErrConfig)
	}
	var addrs []netip.AddrPort
	for _, l := range opts.Listen {
		if !l.Addr().IsUnspecified() {
			addrs = append(addrs, l)
			continue
		}
		all, err := interfaceAddrs(opts.Interfaces)
		if err != nil {
			return nil, err
		}
		for _, addr := range all {
			seenAs := func(outside netip.Addr) bool { return outside.Is4() == addr.Is4() }
			if (l.Addr().Is6() || addr.Is4()) && (len(opts.NAT1To1) == 0 || slices.ContainsFunc(opts.NAT1To1, seenAs)) {
				addrs = append(addrs, netip.AddrPortFrom(addr, l.Port()))
			}
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%w: the interface filter and the NAT addresses leave no address to listen on for the browsers' media", ErrConfig)
	}
	return addrs, nil
}

// interfaceAddrs lists the addresses that a browser elsewhere can reach.
func interfaceAddrs(keep func(string) bool) ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	var found []netip.Addr
	for i := range interfaces {
		if interfaces[i].Flags&net.FlagUp == 0 || interfaces[i].Flags&net.FlagLoopback != 0 || keep != nil && !keep(interfaces[i].Name) {
			continue
		}
		addrs, errAddrs := interfaces[i].Addrs()
		if errAddrs != nil {
			return nil, fmt.Errorf("list the addresses of %s: %w", interfaces[i].Name, errAddrs)
		}
		for _, addr := range addrs {
			prefix, errParse := netip.ParsePrefix(addr.String())
			if errParse == nil && !prefix.Addr().IsLinkLocalUnicast() {
				found = append(found, prefix.Addr().Unmap())
			}
		}
	}
	return found, nil
}

func (e *Engine) listenUDP(addrs []netip.AddrPort) (ice.UDPMux, error) {
	var muxes []ice.UDPMux
	for _, addr := range addrs {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		if err != nil {
			return nil, fmt.Errorf("listen for the browsers' media on udp %s: %w", addr, err)
		}
		if err = conn.SetReadBuffer(socketBuffer); err != nil {
			e.log.Warn("media_socket_buffer_refused", "addr", addr, "error", err)
		}
		mux, err := newUDPMux(conn)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		e.sockets, e.muxes = append(e.sockets, conn), append(e.muxes, mux)
		e.closers = append(e.closers, mux.Close)
		muxes = append(muxes, mux)
	}
	return ice.NewMultiUDPMuxDefault(muxes...), nil
}

// listenTCP takes the ports that listenUDP got, which matters where it asked for any.
func (e *Engine) listenTCP() (ice.TCPMux, error) {
	var muxes []ice.TCPMux
	for _, addr := range e.Addrs() {
		listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err != nil {
			return nil, fmt.Errorf("listen for the browsers' media on tcp %s: %w", addr, err)
		}
		mux := ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: listener, Logger: pionLogs{log: e.log}.NewLogger("tcpmux"), ReadBufferSize: tcpPackets, WriteBufferSize: tcpBuffer,
		})
		e.closers = append(e.closers, mux.Close)
		muxes = append(muxes, mux)
	}
	return ice.NewMultiTCPMuxDefault(muxes...), nil
}

// Addrs returns the addresses of the UDP sockets.
func (e *Engine) Addrs() []netip.AddrPort {
	addrs := make([]netip.AddrPort, 0, len(e.sockets))
	for _, conn := range e.sockets {
		if addr, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			addrs = append(addrs, netip.AddrPortFrom(addr.AddrPort().Addr().Unmap(), addr.AddrPort().Port()))
		}
	}
	return addrs
}

// Dropped is the number of datagrams that legs did not read in time; Strangers is the number of those that belonged to none.
func (e *Engine) Dropped() uint64 {
	var n uint64
	for _, m := range e.muxes {
		n += m.dropped.Load()
	}
	return n
}

// Strangers is described with Dropped.
func (e *Engine) Strangers() uint64 {
	var n uint64
	for _, m := range e.muxes {
		n += m.strangers.Load()
	}
	return n
}

// Close ends all Peers and closes the sockets.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	var peers []*pionPeer
	for p := range e.peers {
		peers = append(peers, p)
	}
	e.mu.Unlock()
	var errs []error
	for _, p := range peers {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, e.closeSockets())...)
}

func (e *Engine) closeSockets() error {
	var errs []error
	for _, closeMux := range e.closers {
		errs = append(errs, closeMux())
	}
	return errors.Join(errs...)
}

func pionCodec(f Format) webrtc.RTPCodecParameters {
	facts := f.Codec.facts()
	channels := uint16(facts.channels)
	if channels == 1 {
		channels = 0 // Pion's word for "not written"
	}
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/" + facts.name, ClockRate: facts.clock, Channels: channels, SDPFmtpLine: f.Params},
		PayloadType:        webrtc.PayloadType(f.PayloadType),
	}
}
