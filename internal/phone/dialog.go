package phone

import (
	"slices"

	"github.com/emiago/sipgo/sip"
)

const (
	allow     = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, REFER"
	userAgent = "sidecar-phone"
)

// message is what sipgo's requests and responses have in common; its own
// interface leaves out the single header.
type message interface {
	sip.Message
	GetHeader(name string) sip.Header
	Headers() []sip.Header
}

// party is one end of a dialog as From and To show it.
type party struct {
	name string
	uri  sip.Uri
	tag  string
}

// dialog is RFC 3261 section 12: what every further request of a call needs.
// It is guarded by Call.mu.
type dialog struct {
	callID        string
	local, remote party
	target        sip.Uri
	routes        []sip.Uri
	localSeq      uint32
	offerSeq      uint32 // CSeq of the last INVITE or UPDATE accepted from the peer
}

// nextRequest builds the next request of the dialog.
func (d *dialog) nextRequest(method sip.RequestMethod) *sip.Request {
	d.localSeq++
	return d.request(method, d.localSeq)
}

// request builds a request with a given sequence number: an ACK repeats the INVITE's.
func (d *dialog) request(method sip.RequestMethod, seq uint32) *sip.Request {
	req := sip.NewRequest(method, *d.target.Clone())
	for _, route := range d.routes {
		req.AppendHeader(&sip.RouteHeader{Address: *route.Clone()})
	}
	from := &sip.FromHeader{DisplayName: d.local.name, Address: *d.local.uri.Clone()}
	from.Params.Add("tag", d.local.tag)
	to := &sip.ToHeader{DisplayName: d.remote.name, Address: *d.remote.uri.Clone()}
	if d.remote.tag != "" {
		to.Params.Add("tag", d.remote.tag)
	}
	callID := sip.CallIDHeader(d.callID)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	req.AppendHeader(sip.NewHeader("User-Agent", userAgent))
	return req
}

// fromInvite is the dialog that an incoming INVITE opens.
func fromInvite(req *sip.Request, localTag string) dialog {
	d := dialog{callID: req.CallID().Value(), offerSeq: req.CSeq().SeqNo}
	from, to := req.From(), req.To()
	d.remote = party{name: from.DisplayName, uri: *from.Address.Clone(), tag: from.Params.GetOr("tag", "")}
	d.local = party{name: to.DisplayName, uri: *to.Address.Clone(), tag: localTag}
	d.target = d.remote.uri
	d.routes = recordRoutes(req)
	d.refresh(req)
	return d
}

// confirm learns from a response to our INVITE. The route set of a 2xx replaces
// what an early response said (RFC 3261 section 13.2.2.4).
func (d *dialog) confirm(res *sip.Response) {
	if to := res.To(); to != nil {
		if tag, ok := to.Params.Get("tag"); ok {
			d.remote.tag = tag
		}
	}
	routes := recordRoutes(res)
	slices.Reverse(routes)
	d.routes = routes
	d.refresh(res)
}

// refresh takes over the peer's Contact (target refresh, RFC 3261 section 12.2).
func (d *dialog) refresh(msg message) {
	if header, ok := msg.GetHeader("Contact").(*sip.ContactHeader); ok && header != nil {
		d.target = *header.Address.Clone()
	}
}

func recordRoutes(msg message) []sip.Uri {
	var routes []sip.Uri
	for _, header := range msg.GetHeaders("Record-Route") {
		if route, ok := header.(*sip.RecordRouteHeader); ok {
			routes = append(routes, *route.Address.Clone())
		}
	}
	return routes
}
