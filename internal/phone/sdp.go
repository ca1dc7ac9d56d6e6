package phone

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"sidecar/internal/g711"
)

// Direction is what one side does with the media (RFC 8866 section 6.7), seen from this phone.
type Direction string

// The four directions.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

func (d Direction) sends() bool    { return d == SendRecv || d == SendOnly }
func (d Direction) receives() bool { return d == SendRecv || d == RecvOnly }

// answerTo is our direction when the peer offers or answers theirs and we want ours (RFC 3264 section 6.1).
func (d Direction) answerTo(theirs Direction) Direction {
	send, receive := d.sends() && theirs.receives(), d.receives() && theirs.sends()
	switch {
	case send && receive:
		return SendRecv
	case send:
		return SendOnly
	case receive:
		return RecvOnly
	}
	return Inactive
}

// dtmfPayloadType is what we offer for telephone-event; dynamic, by custom 101.
const dtmfPayloadType = 101

// description is the part of a session description that a telephone cares for.
type description struct {
	addr      netip.AddrPort
	codecs    []Codec // in the order of the description
	dtmf      uint8   // payload type of telephone-event, 0 for none
	direction Direction
}

// parseSDP reads the first audio stream of a peer's offer or answer.
func parseSDP(body []byte) (description, error) {
	var session sdp.SessionDescription
	if err := session.Unmarshal(body); err != nil {
		return description{}, fmt.Errorf("%w: %w", ErrBadSDP, err)
	}
	i := slices.IndexFunc(session.MediaDescriptions, func(m *sdp.MediaDescription) bool { return m.MediaName.Media == "audio" })
	if i < 0 {
		return description{}, fmt.Errorf("%w: no audio stream", ErrBadSDP)
	}
	media := session.MediaDescriptions[i]
	connection := media.ConnectionInformation
	if connection == nil {
		connection = session.ConnectionInformation
	}
	if connection == nil || connection.Address == nil {
		return description{}, fmt.Errorf("%w: no c= line", ErrBadSDP)
	}
	ip, err := netip.ParseAddr(connection.Address.Address)
	if err != nil {
		return description{}, fmt.Errorf("%w: c= holds no IP address: %w", ErrBadSDP, err)
	}
	port := media.MediaName.Port.Value
	if port < 1 || port > 65535 {
		return description{}, fmt.Errorf("%w: audio is refused (port %d)", ErrBadSDP, port)
	}
	d := description{addr: netip.AddrPortFrom(ip, uint16(port)), direction: SendRecv}
	d.readFormats(media)
	if len(d.codecs) == 0 {
		return description{}, fmt.Errorf("%w, got %v", ErrNoCodec, media.MediaName.Formats)
	}
	for _, direction := range []Direction{SendRecv, SendOnly, RecvOnly, Inactive} {
		_, inMedia := media.Attribute(string(direction))
		_, inSession := session.Attribute(string(direction))
		if inMedia || inSession {
			d.direction = direction
		}
		if inMedia {
			break
		}
	}
	// RFC 2543 style hold, which old switches still send (RFC 3264 section 8.4).
	if ip.IsUnspecified() {
		d.direction = Inactive
	}
	return d, nil
}

func (d *description) readFormats(media *sdp.MediaDescription) {
	for _, format := range media.MediaName.Formats {
		switch format {
		case strconv.Itoa(g711.PayloadTypePCMU):
			d.codecs = append(d.codecs, PCMU)
		case strconv.Itoa(g711.PayloadTypePCMA):
			d.codecs = append(d.codecs, PCMA)
		}
	}
	for _, attribute := range media.Attributes {
		format, encoding, _ := strings.Cut(attribute.Value, " ")
		if attribute.Key != "rtpmap" || !strings.EqualFold(encoding, "telephone-event/8000") {
			continue
		}
		if pt, err := strconv.ParseUint(format, 10, 7); err == nil {
			d.dtmf = uint8(pt)
		}
	}
}

// formatSDP writes our offer or answer.
func formatSDP(local netip.AddrPort, id, version uint64, codecs []Codec, dtmf uint8, direction Direction) []byte {
	family := "IP4"
	if local.Addr().Is6() {
		family = "IP6"
	}
	formats, attributes := "", ""
	for _, codec := range codecs {
		formats += fmt.Sprintf(" %d", codec.payloadType())
		attributes += fmt.Sprintf("a=rtpmap:%d %s/8000\r\n", codec.payloadType(), codec)
	}
	if dtmf != 0 {
		formats += fmt.Sprintf(" %d", dtmf)
		attributes += fmt.Sprintf("a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", dtmf, dtmf)
	}
	return fmt.Appendf(nil, "v=0\r\no=- %d %d IN %s %s\r\ns=call\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d RTP/AVP%s\r\n%sa=ptime:20\r\na=%s\r\n",
		id, version, family, local.Addr(), family, local.Addr(), local.Port(), formats, attributes, direction)
}
