package main

import (
	"context"
	"errors"
	"fmt"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti/gws"
	"sidecar/pjsipgen"
)

// agentsPort lets the engine ask the registry of DNs.
type agentsPort struct{ *agent.Registry }

func (p agentsPort) Reserve(dn bridge.DN, interaction bridge.InteractionID, as bridge.Calling) error {
	reserve := p.Registry.Reserve
	switch as {
	case bridge.CallingReady:
		reserve = p.ReserveReady
	case bridge.CallingOwn:
		reserve = p.ReserveOwn
	case bridge.CallingDN:
	}
	err := reserve(string(dn), string(interaction))
	var forwarded *agent.ForwardedError
	switch {
	case errors.As(err, &forwarded):
		return &bridge.ForwardedError{DN: dn, To: forwarded.To}
	case err == nil:
		return nil
	case errors.Is(err, agent.ErrDND), errors.Is(err, agent.ErrMaxCalls),
		as == bridge.CallingReady && !errors.Is(err, agent.ErrOutOfService): // whoever is not ready is as good as busy
		return fmt.Errorf("%s: %w: %w", dn, bridge.ErrBusy, err)
	}
	return fmt.Errorf("%s: %w", dn, bridge.ErrUnreachable)
}

func (p agentsPort) Occupy(dn bridge.DN, interaction bridge.InteractionID) {
	p.Registry.Occupy(string(dn), string(interaction))
}

func (p agentsPort) Free(dn bridge.DN, interaction bridge.InteractionID) {
	p.Registry.Free(string(dn), string(interaction))
}

// homes are the servers that a DN's phone is registered at.
func (d *daemon) homes(dn bridge.DN) []bridge.ServerID {
	var list []bridge.ServerID
	for _, server := range d.dns.Servers(string(dn)) {
		list = append(list, bridge.ServerID(server))
	}
	return list
}

// silent are the trunks whose far ends are not told of holds.
func (d *daemon) silent() []string {
	var list []string
	for _, trunk := range d.cfg.Trunks {
		if !trunk.SignalHold {
			list = append(list, trunk.Name)
		}
	}
	return list
}

func peerOf(server bridge.ServerID) string { return pjsipgen.PeerName(string(server)) }

// servicePort takes the registrations at one Asterisk.
type servicePort struct {
	dns    *agent.Registry
	server string
	out    func(dn string) // told of each endpoint that is out of service; nil: nobody is
}

func (p servicePort) SetService(number string, inService bool) {
	p.dns.SetService(p.server, number, inService)
	if !inService && p.out != nil {
		p.out(number)
	}
}

// feedAuth lets the feed know who shows a token.
type feedAuth struct{ *auth.Service }

func (a feedAuth) Authenticate(ctx context.Context, token string) (gws.Principal, error) {
	p, err := a.Verify(ctx, token)
	switch {
	case auth.IsTokenLost(err):
		return gws.Principal{}, fmt.Errorf("%w: %w", gws.ErrToken, err)
	case err != nil:
		return gws.Principal{}, err
	}
	return gws.Principal{ID: p.ID(), OwnDNs: p.DNs, SeesDN: p.MaySeeDN, User: p}, nil
}
