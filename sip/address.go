package sip

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// addressBook remembers as which address of ours upstreams see us: the one that
// their calls can reach, when a NAT is between (received and rport of RFC 3581).
type addressBook struct {
	mu sync.Mutex
	at map[upstreamPeer]netip.AddrPort
}

// upstreamPeer is one upstream by one transport. Its port may differ from call to call.
type upstreamPeer struct {
	transport string
	ip        netip.Addr
}

func peerAt(way route) (upstreamPeer, bool) {
	ap, err := netip.ParseAddrPort(way.destination)
	return upstreamPeer{transport: way.transport, ip: ap.Addr().Unmap()}, err == nil
}

func (b *addressBook) find(way route) (netip.AddrPort, bool) {
	peer, ok := peerAt(way)
	b.mu.Lock()
	defer b.mu.Unlock()
	at, known := b.at[peer]
	return at, ok && known
}

func (b *addressBook) set(way route, at netip.AddrPort) {
	peer, ok := peerAt(way)
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		b.at = make(map[upstreamPeer]netip.AddrPort)
	}
	b.at[peer] = at
}

// learn takes what a response says of where our request came from.
func (e *Endpoint) learn(way route, res *sip.Response) {
	via := res.Via()
	if via == nil {
		return
	}
	ip, err := netip.ParseAddr(via.Params.GetOr("received", ""))
	if err != nil || ip.IsUnspecified() {
		return
	}
	_, port := e.sentBy(way)
	// Over TCP rport is the connection's port, but calls reach the one that we listen on; over TLS we listen on none.
	if rport, err := strconv.ParseUint(via.Params.GetOr("rport", ""), 10, 16); err == nil && rport > 0 && way.transport != transportTCP {
		port = int(rport)
	}
	e.addresses.set(way, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
}

// sentBy is the address at which the peer finds us.
func (e *Endpoint) sentBy(way route) (host string, port int) {
	var listening net.Addr
	switch way.transport {
	case transportTCP, transportTLS:
		listening = e.AddrTCP()
	case transportUDP:
		listening = e.AddrUDP()
	}
	if way.transport == transportWS || listening == nil && way.transport != transportTLS {
		return "sidecar.invalid", syntheticPort // browsers answer on their flow whatever we write
	}
	host, port = "", syntheticPort
	if listening != nil {
		if ap, err := netip.ParseAddrPort(listening.String()); err == nil {
			host, port = ap.Addr().String(), int(ap.Port())
			if ap.Addr().IsUnspecified() {
				host = ""
			}
		}
	}
	if e.opts.Advertise != "" { // what the operator says is not argued with
		return e.opts.Advertise, port
	}
	if at, ok := e.addresses.find(way); ok {
		return at.Addr().String(), int(at.Port())
	}
	if host == "" {
		host = sourceTowards(way.destination)
	}
	return host, port
}

// sourceTowards is the address of this host that packets to the destination leave
// from: a Contact of 0.0.0.0 could not be called. Connecting a UDP socket sends nothing.
func sourceTowards(destination string) string {
	const nowhere = "sidecar.invalid"
	ap, err := netip.ParseAddrPort(destination)
	if err != nil {
		return nowhere
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(ap))
	if err != nil {
		return nowhere
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return nowhere
	}
	return local.Addr().Unmap().String()
}

// contact is our address in a dialog or at a registrar.
func (e *Endpoint) contact(user string, way route) sip.Uri {
	host, port := e.sentBy(way)
	uri := sip.Uri{Scheme: "sip", User: user, Host: host, Port: port}
	if way.transport != transportUDP {
		uri.UriParams.Add("transport", strings.ToLower(way.transport))
	}
	return uri
}
