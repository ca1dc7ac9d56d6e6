package phone

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sidecar/internal/g711"
)

// Codec is a G.711 law, named as in SDP.
type Codec string

// The codecs a phone can speak.
const (
	PCMU Codec = "PCMU"
	PCMA Codec = "PCMA"
)

func (c Codec) payloadType() uint8 {
	if c == PCMA {
		return g711.PayloadTypePCMA
	}
	return g711.PayloadTypePCMU
}

// AnswerMode says what a phone does by itself with an incoming call.
type AnswerMode int

const (
	// RingOnly sends 180 at once and leaves the rest to the caller of WaitCall.
	RingOnly AnswerMode = iota
	// AutoAnswer sends 180 and, after Options.AnswerDelay, 200.
	AutoAnswer
	// Manual sends nothing, not even 180.
	Manual
)

// Options describe a phone. Server is required, everything else has a default.
type Options struct {
	Bind        string        // local address of signalling and media, default 127.0.0.1:0; the host must be an IP address
	Server      string        // host:port of the registrar and proxy
	Domain      string        // host of its own address of record and of dialled numbers, default Server
	User        string        // number of the phone, default "phone"
	AuthUser    string        // user of the digest, default User
	Password    string        // answers challenges; empty: they fail the request
	DisplayName string        // name shown to the called party
	Codecs      []Codec       // in order of preference, default PCMU, PCMA
	Answer      AnswerMode    // what to do with incoming calls
	AnswerDelay time.Duration // how long AutoAnswer rings
	Tone        float64       // frequency in Hz that every call sends from its start, 0 for silence
	NoRTP       bool          // sends no audio, for tests of many calls
	FollowRefer bool          // dial where an incoming REFER points; such calls come out of WaitCall
	Logger      *slog.Logger  // default: none
}

// normalise fills in the defaults and checks the rest.
func (o *Options) normalise() (netip.AddrPort, error) {
	setDefault(&o.Bind, "127.0.0.1:0")
	setDefault(&o.User, "phone")
	setDefault(&o.AuthUser, o.User)
	setDefault(&o.Domain, o.Server)
	if len(o.Codecs) == 0 {
		o.Codecs = []Codec{PCMU, PCMA}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	bind, err := netip.ParseAddrPort(o.Bind)
	if err != nil {
		return bind, fmt.Errorf("%w: Bind %q must be ip:port: %w", ErrBadOption, o.Bind, err)
	}
	if !strings.Contains(o.Server, ":") {
		return bind, fmt.Errorf("%w: Server %q must be host:port", ErrBadOption, o.Server)
	}
	for _, codec := range o.Codecs {
		if !slices.Contains([]Codec{PCMU, PCMA}, codec) {
			return bind, fmt.Errorf("%w: Codecs holds %q, known are PCMU and PCMA", ErrBadOption, codec)
		}
	}
	return bind, nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// DialOption changes one outgoing call.
type DialOption func(*dialOptions)

type dialOptions struct {
	headers     [][2]string
	user        string
	displayName string
}

// WithHeader adds a header to the INVITE.
func WithHeader(name, value string) DialOption {
	return func(o *dialOptions) { o.headers = append(o.headers, [2]string{name, value}) }
}

// WithCaller calls as another number: what a trunk does for each of its subscribers.
func WithCaller(number, displayName string) DialOption {
	return func(o *dialOptions) { o.user, o.displayName = number, displayName }
}
