package media

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/turn/v4"
)

// DefaultTURNTTL is how long credentials are good for starting with.
const DefaultTURNTTL = 10 * time.Minute

// minTURNSecret is the shortest secret that is taken; the credentials that it signs are handed to strangers.
const minTURNSecret = 16

// TURNOptions are the settings of the embedded TURN server.
type TURNOptions struct {
	UDP, TCP []netip.AddrPort
	TLS      []netip.AddrPort // needs TLSConfig
	// TLSConfig holds the certificate for the TLS addresses.
	TLSConfig *tls.Config
	// RelayIP is where relayed packets come from.
	RelayIP netip.Addr
	// RelayTo are the only addresses that packets are relayed to: those of the browsers' media port.
	RelayTo []netip.AddrPort
	// Outside are what the first of RelayTo is known as to browsers, behind a 1:1 NAT. What is for them is relayed to it
	// directly: few NATs turn such packets round.
	Outside []netip.AddrPort
	Realm   string
	Secret  string        // shared with whoever makes credentials
	TTL     time.Duration // of credentials; 0 stands for DefaultTURNTTL
	Logger  *slog.Logger
}

// TURNServer relays the media of browsers that can't reach the media port themselves. It is no open relay: only bearers of
// credentials get in, and nothing but our own media port is to be reached through it.
type TURNServer struct {
	server  *turn.Server
	opts    TURNOptions
	addrs   map[string][]netip.AddrPort
	refused *atomic.Uint64
}

// TURNCredentials are what a page gets to use the server, in the form of draft-uberti-behave-turn-rest.
type TURNCredentials struct {
	Username string
	Password string
	TTL      time.Duration
}

// NewTURNServer opens the sockets and serves until Close.
func NewTURNServer(ctx context.Context, opts TURNOptions) (*TURNServer, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	if opts.TTL == 0 {
		opts.TTL = DefaultTURNTTL
	}
	s := &TURNServer{opts: opts, addrs: map[string][]netip.AddrPort{}, refused: &atomic.Uint64{}}
	logs := pionLogs{log: opts.Logger}
	config := turn.ServerConfig{
		Realm: opts.Realm, LoggerFactory: logs, AuthHandler: turn.LongTermTURNRESTAuthHandler(opts.Secret, logs.NewLogger("turn")),
	}
	closers, err := s.listen(ctx, &config)
	if err == nil {
		s.server, err = turn.NewServer(config)
	}
	if err != nil {
		for _, closeSocket := range closers {
			err = errors.Join(err, closeSocket())
		}
		return nil, fmt.Errorf("start the TURN server: %w", err)
	}
	return s, nil
}

func (o *TURNOptions) check() error {
	switch {
	case len(o.UDP)+len(o.TCP)+len(o.TLS) == 0:
		return fmt.Errorf("%w: the TURN server has no address to listen on", ErrConfig)
	case len(o.TLS) > 0 && o.TLSConfig == nil:
		return fmt.Errorf("%w: TURN over TLS needs a certificate", ErrConfig)
	case len(o.Secret) < minTURNSecret:
		return fmt.Errorf("%w: the TURN secret has %d characters, at least %d are needed", ErrConfig, len(o.Secret), minTURNSecret)
	case len(o.RelayTo) == 0:
		return fmt.Errorf("%w: the TURN server has no media address to relay to", ErrConfig)
	case !o.RelayIP.IsValid() || o.RelayIP.IsUnspecified():
		return fmt.Errorf("%w: the TURN server needs the IP address that relayed packets come from", ErrConfig)
	}
	return nil
}

func (s *TURNServer) listen(ctx context.Context, config *turn.ServerConfig) ([]func() error, error) {
	var closers []func() error
	var lc net.ListenConfig
	relay := &ownRelay{ip: s.opts.RelayIP, to: append(slices.Clone(s.opts.RelayTo), s.opts.Outside...), outside: s.opts.Outside, refused: s.refused}
	for _, addr := range s.opts.UDP {
		conn, err := lc.ListenPacket(ctx, "udp", addr.String())
		if err != nil {
			return closers, fmt.Errorf("listen on udp %s: %w", addr, err)
		}
		closers = append(closers, conn.Close)
		s.note("udp", conn.LocalAddr())
		config.PacketConnConfigs = append(config.PacketConnConfigs, turn.PacketConnConfig{
			PacketConn: conn, RelayAddressGenerator: relay, PermissionHandler: relay.permits,
		})
	}
	for i, addr := range append(slices.Clone(s.opts.TCP), s.opts.TLS...) {
		listener, err := lc.Listen(ctx, "tcp", addr.String())
		if err != nil {
			return closers, fmt.Errorf("listen on tcp %s: %w", addr, err)
		}
		closers = append(closers, listener.Close)
		kind := "tcp"
		if i >= len(s.opts.TCP) {
			listener, kind = tls.NewListener(listener, s.opts.TLSConfig), "tls"
		}
		s.note(kind, listener.Addr())
		config.ListenerConfigs = append(config.ListenerConfigs, turn.ListenerConfig{
			Listener: listener, RelayAddressGenerator: relay, PermissionHandler: relay.permits,
		})
	}
	return closers, nil
}

func (s *TURNServer) note(kind string, addr net.Addr) {
	if parsed, err := netip.ParseAddrPort(addr.String()); err == nil {
		s.addrs[kind] = append(s.addrs[kind], parsed)
	}
}

// Addrs are the addresses of one kind of socket: "udp", "tcp" or "tls".
func (s *TURNServer) Addrs(kind string) []netip.AddrPort { return slices.Clone(s.addrs[kind]) }

// Credentials makes credentials for a user, good until the TTL is over.
func (s *TURNServer) Credentials(user string) (TURNCredentials, error) {
	return NewTURNCredentials(s.opts.Secret, user, s.opts.TTL)
}

// NewTURNCredentials makes credentials for any TURN server that shares a secret with us (coturn's use-auth-secret, and our
// own): the user name says until when they are good, the password is its HMAC. 0 stands for DefaultTURNTTL.
func NewTURNCredentials(secret, user string, ttl time.Duration) (TURNCredentials, error) {
	if secret == "" {
		return TURNCredentials{}, fmt.Errorf("%w: no secret to make TURN credentials with", ErrConfig)
	}
	if ttl == 0 {
		ttl = DefaultTURNTTL
	}
	name, password, err := turn.GenerateLongTermTURNRESTCredentials(secret, user, ttl)
	if err != nil {
		return TURNCredentials{}, fmt.Errorf("make TURN credentials: %w", err)
	}
	return TURNCredentials{Username: name, Password: password, TTL: ttl}, nil
}

// Refused is the number of packets that were to go to, or came from, somewhere else than our media port.
func (s *TURNServer) Refused() uint64 { return s.refused.Load() }

// Close ends all relays and closes the sockets.
func (s *TURNServer) Close() error {
	if err := s.server.Close(); err != nil {
		return fmt.Errorf("close the TURN server: %w", err)
	}
	return nil
}

// ownRelay makes relay sockets that reach our media addresses only. The permission handler of the library knows no ports,
// hence the filter in the socket.
type ownRelay struct {
	ip      netip.Addr
	to      []netip.AddrPort // the first is behind those of outside
	outside []netip.AddrPort
	refused *atomic.Uint64
}

func (r *ownRelay) permits(_ net.Addr, peer net.IP) bool {
	ip, ok := netip.AddrFromSlice(peer)
	return ok && slices.ContainsFunc(r.to, func(a netip.AddrPort) bool { return a.Addr() == ip.Unmap() })
}

// Validate implements [turn.RelayAddressGenerator].
func (r *ownRelay) Validate() error { return nil }

// AllocatePacketConn implements [turn.RelayAddressGenerator].
func (r *ownRelay) AllocatePacketConn(_ string, requestedPort int) (net.PacketConn, net.Addr, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: r.ip.AsSlice(), Port: requestedPort})
	if err != nil {
		return nil, nil, fmt.Errorf("open a relay socket: %w", err)
	}
	return &ownConn{UDPConn: conn, relay: r}, conn.LocalAddr(), nil
}

// AllocateConn implements [turn.RelayAddressGenerator]; relaying over TCP (RFC 6062) has no use here.
func (r *ownRelay) AllocateConn(string, int) (net.Conn, net.Addr, error) {
	return nil, nil, fmt.Errorf("relay over TCP: %w", errors.ErrUnsupported)
}

// ours is the address in our terms, if it is one of ours.
func (r *ownRelay) ours(addr net.Addr) (netip.AddrPort, bool) {
	udp, ok := addr.(*net.UDPAddr)
	if ok {
		ap := netip.AddrPortFrom(udp.AddrPort().Addr().Unmap(), udp.AddrPort().Port())
		if slices.Contains(r.to, ap) {
			return ap, true
		}
	}
	r.refused.Add(1)
	return netip.AddrPort{}, false
}

// ownConn drops what is not ours, both ways.
type ownConn struct {
	*net.UDPConn
	relay *ownRelay
	known atomic.Pointer[net.UDPAddr] // the outside address that the browser sends to: answers must come from it
}

// WriteTo implements [net.PacketConn].
func (c *ownConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, ok := c.relay.ours(addr)
	if !ok {
		return len(b), nil
	}
	if slices.Contains(c.relay.outside, to) {
		c.known.Store(net.UDPAddrFromAddrPort(to))
		to = c.relay.to[0]
	}
	return c.WriteToUDPAddrPort(b, to)
}

// ReadFrom implements [net.PacketConn].
func (c *ownConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.UDPConn.ReadFrom(b)
		if err != nil {
			return n, addr, err
		}
		from, ok := c.relay.ours(addr)
		if known := c.known.Load(); ok && known != nil && from == c.relay.to[0] {
			return n, known, nil
		}
		if ok {
			return n, addr, nil
		}
	}
}
