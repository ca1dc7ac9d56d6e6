package api

import (
	"context"
	"net/http"
	"time"

	"sidecar/auth"
)

// PhoneSettings is what a page needs to know to make calls, besides its DNs.
type PhoneSettings struct {
	ICEServers      []ICEServer
	TTL             time.Duration // of the servers' credentials, 0: they don't end
	RegisterExpires time.Duration // that a page should ask for
	Codecs          []string      // names of RTP encodings in order of preference
}

// ICEServer is a STUN or TURN server as RTCPeerConnection wants it.
type ICEServer struct {
	URLs       []string `json:"urls" nullable:"false"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Phone is what a page needs to make calls for the user.
type Phone struct {
	DNs             []PhoneDN   `json:"dns" nullable:"false" doc:"The user's own DNs"`
	WS              string      `json:"ws" doc:"Path of SIP over WebSocket for DNs with owner sidecar"`
	ICEServers      []ICEServer `json:"iceServers" nullable:"false"`
	TTL             int         `json:"ttl" doc:"Seconds after which to ask again, because credentials end; 0: they don't"`
	RegisterExpires int         `json:"registerExpires" doc:"Seconds to register for"`
	Codecs          []string    `json:"codecs" nullable:"false" doc:"RTP encodings in order of preference"`
}

// PhoneDN is one of the user's DNs.
type PhoneDN struct {
	Number string `json:"number"`
	Owner  string `json:"owner" enum:"sidecar,asterisk-webrtc,phone" doc:"Who holds its phone: a page registers sidecar at ws, asterisk-webrtc at /asterisk-ws, and phone not at all"`
}

// WebSocketPath is where browsers speak SIP.
const WebSocketPath = "/ws"

type phoneOutput struct{ Body Phone }

func (s *server) registerPhone() {
	register(s, endpoint{
		id: "phone", method: http.MethodGet, path: "/api/v1/phone", tag: "dns", verb: auth.VerbViewDNs,
		summary: "Tell a page how it makes calls for the user",
	}, s.phone)
}

func (s *server) phone(ctx context.Context, _ *struct{}) (*phoneOutput, error) {
	p := principalOf(ctx)
	settings, err := s.Phone(p)
	if err != nil {
		return nil, err
	}
	out := &phoneOutput{Body: Phone{
		DNs: make([]PhoneDN, 0, len(p.DNs)), WS: WebSocketPath, ICEServers: list(settings.ICEServers), TTL: int(settings.TTL.Seconds()),
		RegisterExpires: int(settings.RegisterExpires.Seconds()), Codecs: list(settings.Codecs),
	}}
	for _, number := range p.DNs {
		if info, ok := s.DNInfo(number); ok {
			out.Body.DNs = append(out.Body.DNs, PhoneDN{Number: number, Owner: info.Owner})
		}
	}
	return out, nil
}
