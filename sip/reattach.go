package sip

import (
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// pageHeader is in the REGISTER requests of our own agent page: which instance of it, so that it can be found on the feed.
const pageHeader = "X-Sidecar-Page"

// maxPage bounds what is taken for an instance's id; 128 bits in hex are 32.
const maxPage = 64

func pageOf(req *sip.Request) string {
	page := headerValue(req, pageHeader)
	if len(page) > maxPage || strings.ContainsFunc(page, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }) {
		return ""
	}
	return page
}

// contactKey is what two Contacts of one page have in common: pages make it up at random when they start, and add
// parameters as they please (JsSIP's ;ob in dialogs).
func contactKey(uri *sip.Uri) string {
	return uri.User + "@" + strings.ToLower(uri.Host) + ":" + strconv.Itoa(uri.Port)
}

// contactOf is the contact that the DN is registered with by the flow.
func (r *registrar) contactOf(dn string, flow *Flow) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.bindings[dn]; b != nil && b.flow == flow {
		return contactKey(&b.contact.Address)
	}
	return ""
}

// moveDialogs takes the dialogs of a page to the WebSocket that it came back on.
func (e *Endpoint) moveDialogs(dn, contact string, to *Flow) {
	e.mu.Lock()
	dialogs := make([]*Dialog, 0, len(e.dialogs))
	for _, d := range e.dialogs {
		if d.dn == dn { // constant since the dialog is known
			dialogs = append(dialogs, d)
		}
	}
	e.mu.Unlock()
	for _, d := range dialogs {
		d.mu.Lock()
		if d.contact == contact {
			d.flow = to
		}
		d.mu.Unlock()
	}
}

// Flow is the WebSocket by which the browser is reached now; nil for upstreams. It changes when the same page, known by
// its Contact, registers on a new one.
func (d *Dialog) Flow() *Flow {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flow
}

// AllowsEvent reports whether the peer's Allow-Events named the event.
func (d *Dialog) AllowsEvent(event string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.peerEvents, event)
}
