package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

const (
	transportUDP = "UDP"
	transportTCP = "TCP"
	transportTLS = "TLS"
)

// addVia writes the Via of a request of ours.
func (e *Endpoint) addVia(req *sip.Request, way route) {
	host, port := e.sentBy(way)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: way.transport, Host: host, Port: port}
	via.Params.Add("branch", sip.GenerateBranchN(20))
	if way.transport != transportWS {
		via.Params.Add("rport", "")
	}
	req.PrependHeader(via)
}

// aim sets transport and destination of a request.
func (e *Endpoint) aim(req *sip.Request, way route) {
	req.SetTransport(way.transport)
	req.SetDestination(way.destination)
	if via := req.Via(); via != nil {
		via.Transport = way.transport
	}
	if way.transport == transportUDP && e.stack.udp != nil {
		// All datagrams leave from the socket that we listen on: peers that know us by our address depend on it.
		if ap, err := netip.ParseAddrPort(e.stack.udp.LocalAddr().String()); err == nil {
			req.Laddr = sip.Addr{IP: ap.Addr().AsSlice(), Port: int(ap.Port())}
		}
	}
}

func transportOf(uri sip.Uri, otherwise string) string {
	switch transport := strings.ToUpper(uri.UriParams.GetOr("transport", "")); {
	case strings.EqualFold(uri.Scheme, "sips"):
		return transportTLS
	case transport == transportTCP, transport == transportUDP, transport == transportTLS:
		return transport
	}
	return otherwise
}

func hostPort(uri sip.Uri, transport string) string {
	port := uri.Port
	if port == 0 {
		port = 5060
		if transport == transportTLS {
			port = 5061
		}
	}
	return net.JoinHostPort(strings.Trim(uri.Host, "[]"), strconv.Itoa(port))
}

// lookup makes an address of host:port, before sipgo would do it without a deadline.
func lookup(ctx context.Context, destination string) (string, error) {
	host, port, err := net.SplitHostPort(destination)
	if err != nil {
		return "", fmt.Errorf("destination %q: %w", destination, err)
	}
	if _, err = netip.ParseAddr(host); err == nil {
		return destination, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", host, err)
	}
	return net.JoinHostPort(ips[0].Unmap().String(), port), nil
}

// resolve does that for a request.
func resolve(ctx context.Context, req *sip.Request) error {
	if req.Transport() == transportWS {
		return nil
	}
	address, err := lookup(ctx, req.Destination())
	if err != nil {
		return err
	}
	req.SetDestination(address)
	return nil
}

// request starts a client transaction.
func (e *Endpoint) request(ctx context.Context, req *sip.Request) (*sip.ClientTx, error) {
	if err := resolve(ctx, req); err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, err)
	}
	tx, err := e.stack.request(ctx, req)
	if errors.Is(err, sip.ErrUDPMTUCongestion) {
		err = fmt.Errorf("%w; the request is too long for UDP, use TCP towards this peer", err)
	}
	return tx, err
}

// roundTrip sends a request other than INVITE and returns its final response.
func (e *Endpoint) roundTrip(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	tx, err := e.request(ctx, req)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("%s: %w", req.Method, tx.Err())
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", req.Method, context.Cause(ctx))
		}
	}
}
