package media

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	// maxSDP bounds the text that we read; a browser's offer with one audio line has 2-6 KB.
	maxSDP = 64 << 10
	// maxCandidates bounds how many checks a description can make us send.
	maxCandidates = 32
	// maxFormats bounds the payload types that are looked at; there are only 128.
	maxFormats = 128
)

// description is what this package takes out of the other side's session description.
type description struct {
	transport Transport
	addr      netip.AddrPort // of c= and m=; what a browser says there is not used
	rtcp      netip.AddrPort // where its RTCP goes, invalid for "the next port"
	rtcpMux   bool
	mid       string
	profile   string
	formats   []Format
	ignored   int // payload types that stand for codecs we don't know
	direction Direction
	// refused are the other m-lines, which the answer must refuse one by one (RFC 3264 section 6).
	refused []refusedLine
	index   int // of the audio line
}

type refusedLine struct {
	media, formats, protos, mid string
}

// parseSDP reads the first audio line that isn't switched off.
func parseSDP(body []byte) (*description, error) {
	if len(body) > maxSDP {
		return nil, fmt.Errorf("%w: %d octets, at most %d are read", ErrBadSDP, len(body), maxSDP)
	}
	var session sdp.SessionDescription
	if err := session.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSDP, err)
	}
	d := &description{index: -1}
	for i, m := range session.MediaDescriptions {
		if d.index < 0 && m.MediaName.Media == "audio" && m.MediaName.Port.Value > 0 {
			d.index = i
			continue
		}
		mid, _ := m.Attribute("mid")
		d.refused = append(d.refused, refusedLine{
			media: m.MediaName.Media, protos: strings.Join(m.MediaName.Protos, "/"), formats: strings.Join(m.MediaName.Formats, " "), mid: mid,
		})
	}
	if d.index < 0 {
		return nil, fmt.Errorf("%w: no audio line with a port other than 0", ErrBadSDP)
	}
	m := session.MediaDescriptions[d.index]
	d.profile = strings.Join(m.MediaName.Protos, "/")
	d.mid, _ = m.Attribute("mid")
	_, d.rtcpMux = m.Attribute("rtcp-mux")
	if m.MediaName.Port.Value > 65535 {
		return nil, fmt.Errorf("%w: m=audio has port %d", ErrBadSDP, m.MediaName.Port.Value)
	}
	if err := d.readAddress(&session, m); err != nil {
		return nil, err
	}
	d.readFormats(m)
	d.readDirection(&session, m)
	d.transport = readTransport(&session, m)
	return d, nil
}

func (d *description) readAddress(session *sdp.SessionDescription, m *sdp.MediaDescription) error {
	connection := m.ConnectionInformation
	if connection == nil {
		connection = session.ConnectionInformation
	}
	if connection == nil || connection.Address == nil {
		return fmt.Errorf("%w: no c= line", ErrBadSDP)
	}
	ip, err := netip.ParseAddr(connection.Address.Address)
	if err != nil {
		return fmt.Errorf("%w: c= holds %q, not an IP address", ErrBadSDP, connection.Address.Address)
	}
	d.addr = netip.AddrPortFrom(ip.Unmap(), uint16(m.MediaName.Port.Value)) //nolint:gosec // checked by the caller
	value, ok := m.Attribute("rtcp")
	if !ok {
		return nil
	}
	// RFC 3605: a port, and perhaps an address of its own.
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return nil
	}
	port, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil {
		return nil //nolint:nilerr // a report's port that can't be read is no reason to refuse a call
	}
	if len(fields) == 4 {
		if other, errParse := netip.ParseAddr(fields[3]); errParse == nil {
			ip = other
		}
	}
	d.rtcp = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	return nil
}

// readFormats lists the codecs that we know in the order of the m-line.
func (d *description) readFormats(m *sdp.MediaDescription) {
	maps, params := map[string]string{}, map[string]string{}
	for _, attribute := range m.Attributes {
		format, rest, _ := strings.Cut(attribute.Value, " ")
		switch attribute.Key {
		case "rtpmap":
			maps[format] = strings.TrimSpace(rest)
		case "fmtp":
			params[format] = strings.TrimSpace(rest)
		}
	}
	for _, format := range m.MediaName.Formats[:min(len(m.MediaName.Formats), maxFormats)] {
		pt, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			continue
		}
		codec := codecOf(maps[format])
		if _, mapped := maps[format]; !mapped {
			codec = staticCodec(uint8(pt))
		}
		if codec == Unknown {
			d.ignored++
			continue
		}
		if _, twice := findFormat(d.formats, codec); !twice {
			d.formats = append(d.formats, Format{Codec: codec, PayloadType: uint8(pt), Params: params[format]})
		}
	}
}

func staticCodec(pt uint8) Codec {
	for _, c := range DefaultCodecs() {
		if c.facts().static == int8(pt) { //nolint:gosec // 7 bits
			return c
		}
	}
	return Unknown
}

func (d *description) readDirection(session *sdp.SessionDescription, m *sdp.MediaDescription) {
	d.direction = SendRecv
	for _, attributes := range [][]sdp.Attribute{session.Attributes, m.Attributes} {
		for _, a := range attributes {
			if direction := Direction(a.Key); slices.Contains([]Direction{SendRecv, SendOnly, RecvOnly, Inactive}, direction) {
				d.direction = direction
			}
		}
	}
}

// readTransport takes the ICE and DTLS attributes of one m-line, or of the session where the line has none.
func readTransport(session *sdp.SessionDescription, m *sdp.MediaDescription) Transport {
	attribute := func(key string) string {
		if value, ok := m.Attribute(key); ok {
			return value
		}
		value, _ := session.Attribute(key)
		return value
	}
	t := Transport{
		Ufrag: attribute("ice-ufrag"), Password: attribute("ice-pwd"), Fingerprint: attribute("fingerprint"), Setup: attribute("setup"),
	}
	_, t.Lite = session.Attribute("ice-lite")
	for _, a := range m.Attributes {
		switch a.Key {
		case "candidate":
			// Names (mDNS) are skipped: we resolve none, and a browser behind them is found by its own checks.
			if fields := strings.Fields(a.Value); len(fields) >= 8 && len(t.Candidates) < maxCandidates {
				if _, err := netip.ParseAddr(fields[4]); err == nil {
					t.Candidates = append(t.Candidates, strings.Join(fields, " "))
				}
			}
		case "ssrc":
			number, _, _ := strings.Cut(a.Value, " ")
			if ssrc, err := strconv.ParseUint(number, 10, 32); err == nil && t.SSRC == 0 {
				t.SSRC = uint32(ssrc)
			}
		}
	}
	return t
}

// OfferedCodecs lists the audio codecs of a session description in its order, so that whoever joins two legs can offer
// the other one what this one speaks before it answers.
func OfferedCodecs(body []byte) ([]Codec, error) {
	d, err := parseSDP(body)
	if err != nil {
		return nil, err
	}
	codecs := codecsOf(d.formats)
	if len(codecs) == 0 {
		return nil, fmt.Errorf("%w: none of the offered payload types stands for one of %v", ErrNoCodec, DefaultCodecs())
	}
	return codecs, nil
}
