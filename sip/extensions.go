package sip

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

const (
	allow     = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, REFER, PRACK, REGISTER"
	supported = "100rel, timer, replaces, outbound"
	// The SIP Server commands a phone by NOTIFY only when it says that it takes these.
	allowEvents = "talk, hold, refer"
)

// unsupported lists what the request requires and nobody here knows (RFC 3261
// section 8.2.2.3). ACK and CANCEL have no say.
func unsupported(req *sip.Request) []string {
	if req.Method == sip.ACK || req.Method == sip.CANCEL {
		return nil
	}
	known := strings.Split(supported, ", ")
	var unknown []string
	for _, extension := range tokens(req, "Require") {
		if !slices.Contains(known, extension) {
			unknown = append(unknown, extension)
		}
	}
	return unknown
}
