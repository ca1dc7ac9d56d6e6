package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/ice/v4"
)

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

func (e *Engine) listen(addrs []netip.AddrPort) (ice.UDPMux, error) {
	var muxes []ice.UDPMux
	for _, addr := range addrs {
		mux, err := e.listenAt(addr)
		if err != nil {
			return nil, err
		}
		e.muxes, e.closers = append(e.muxes, mux), append(e.closers, mux.Close)
		muxes = append(muxes, mux)
	}
	return ice.NewMultiUDPMuxDefault(muxes...), nil
}

func (e *Engine) listenAt(addr netip.AddrPort) (*udpMux, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("listen for the browsers' media on udp %s: %w", addr, err)
	}
	if err = conn.SetReadBuffer(socketBuffer); err != nil {
		e.log.Warn("media_socket_buffer_refused", "addr", addr, "error", err)
	}
	var listener *net.TCPListener
	if e.tcp {
		// The port that UDP got, which matters where any was asked for.
		place := conn.LocalAddr().(*net.UDPAddr).AddrPort()
		if listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(place)); err != nil {
			return nil, errors.Join(fmt.Errorf("listen for the browsers' media on tcp %s: %w", place, err), conn.Close())
		}
	}
	return newUDPMux(conn, listener), nil
}
