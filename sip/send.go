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
	"github.com/icholy/digest"
)

// Auth answers the challenges of an upstream.
type Auth struct {
	User     string
	Password string
}

// addVia writes the Via of a request of ours.
func (e *Endpoint) addVia(req *sip.Request, transport string) {
	host, port := e.sentBy(transport)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: transport, Host: host, Port: port}
	via.Params.Add("branch", sip.GenerateBranchN(20))
	if transport != transportWS {
		via.Params.Add("rport", "")
	}
	req.PrependHeader(via)
}

// sentBy is the address at which peers of a transport find us.
func (e *Endpoint) sentBy(transport string) (string, int) {
	var addr net.Addr
	switch transport {
	case transportTCP:
		addr = e.AddrTCP()
	case transportUDP:
		addr = e.AddrUDP()
	}
	host, port := "sidecar.invalid", syntheticPort // browsers answer on their flow whatever we write
	if addr != nil {
		ap, err := netip.ParseAddrPort(addr.String())
		if err == nil {
			host, port = ap.Addr().String(), int(ap.Port())
		}
		if e.opts.Advertise != "" {
			host = e.opts.Advertise
		}
	}
	return host, port
}

const (
	transportUDP = "UDP"
	transportTCP = "TCP"
)

// contact is our address in a dialog.
func (e *Endpoint) contact(user, transport string) sip.Uri {
	host, port := e.sentBy(transport)
	uri := sip.Uri{Scheme: "sip", User: user, Host: host, Port: port}
	if transport != transportUDP {
		uri.UriParams.Add("transport", strings.ToLower(transport))
	}
	return uri
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
	if transport := strings.ToUpper(uri.UriParams.GetOr("transport", "")); transport == transportTCP || transport == transportUDP {
		return transport
	}
	return otherwise
}

func hostPort(uri sip.Uri) string {
	port := uri.Port
	if port == 0 {
		port = 5060
	}
	return net.JoinHostPort(strings.Trim(uri.Host, "[]"), strconv.Itoa(port))
}

// resolve makes an address of the destination, before sipgo would look it up without a deadline.
func resolve(ctx context.Context, req *sip.Request) error {
	host, port, err := net.SplitHostPort(req.Destination())
	if err != nil {
		return fmt.Errorf("destination %q: %w", req.Destination(), err)
	}
	if _, err = netip.ParseAddr(host); err == nil {
		return nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return fmt.Errorf("look up %s: %w", host, err)
	}
	req.SetDestination(net.JoinHostPort(ips[0].Unmap().String(), port))
	return nil
}

// request starts a client transaction.
func (e *Endpoint) request(ctx context.Context, req *sip.Request) (*sip.ClientTx, error) {
	if req.Transport() != transportWS {
		if err := resolve(ctx, req); err != nil {
			return nil, fmt.Errorf("send %s: %w", req.Method, err)
		}
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

// challenged reports whether the response asks for credentials that we have and have not shown yet.
func challenged(req *sip.Request, res *sip.Response, auth *Auth) bool {
	_, answerName, ok := challengeNames(res)
	return ok && auth != nil && (req.GetHeader(answerName) == nil || strings.Contains(strings.ToLower(challengeOf(res)), "stale=true"))
}

func challengeNames(res *sip.Response) (challenge, answer string, ok bool) {
	switch res.StatusCode {
	case sip.StatusUnauthorized:
		return "WWW-Authenticate", "Authorization", true
	case sip.StatusProxyAuthRequired:
		return "Proxy-Authenticate", "Proxy-Authorization", true
	}
	return "", "", false
}

func challengeOf(res *sip.Response) string {
	name, _, _ := challengeNames(res)
	return headerValue(res, name)
}

// authorise returns the request again with the answer to the challenge, the next sequence number and a new branch.
func (e *Endpoint) authorise(req *sip.Request, res *sip.Response, auth *Auth, seq uint32) (*sip.Request, error) {
	_, answerName, _ := challengeNames(res)
	challenge, err := digest.ParseChallenge(challengeOf(res))
	if err != nil {
		return nil, fmt.Errorf("challenge of %s: %w", req.Method, err)
	}
	challenge.Algorithm = strings.ToUpper(challenge.Algorithm)
	cred, err := digest.Digest(challenge, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: auth.User, Password: auth.Password, Count: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("challenge of %s: %w", req.Method, err)
	}
	next := req.Clone()
	next.RemoveHeader("Via")
	next.RemoveHeader(answerName)
	e.addVia(next, req.Transport())
	next.CSeq().SeqNo = seq
	next.AppendHeader(sip.NewHeader(answerName, cred.String()))
	e.aim(next, route{transport: req.Transport(), destination: req.Destination()})
	return next, nil
}
