package gateway

import (
	"crypto/rand"
	"strings"

	"sidecar/sip"
)

// LegHeader joins a leg of ours with the PBX's channel. It is between the two of us: browsers never see or set it.
const LegHeader = "X-Sidecar-Leg"

// uuidHeader carries a Genesys SIP Server's own name of the call.
const uuidHeader = "X-Genesys-CallUUID"

// maxLeg bounds what is taken from an INVITE.
const maxLeg = 64

// newLeg makes the name of a leg, of characters that survive a dialplan.
func newLeg() string { return "g-" + strings.ToLower(rand.Text()) }

// legOf takes the leg's name from an upstream's INVITE. Without a usable one we make our own.
func legOf(headers sip.Headers) string {
	leg := headers.Get(LegHeader)
	bad := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' && r != '.' && r != '-'
	}
	if leg == "" || len(leg) > maxLeg || strings.ContainsFunc(leg, bad) {
		return newLeg()
	}
	return leg
}

// carried are the headers that pass from one side to the other: Reason and X- headers, but none of our own.
func carried(headers sip.Headers) sip.Headers {
	var out sip.Headers
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		if name == "reason" || strings.HasPrefix(name, "x-") && !strings.HasPrefix(name, "x-sidecar-") {
			out = append(out, h)
		}
	}
	return out
}

// reason is a Reason header (RFC 3326) of our own.
func reason(status, text string) sip.Headers {
	return sip.Headers{{Name: "Reason", Value: "SIP;cause=" + status + `;text="` + text + `"`}}
}
