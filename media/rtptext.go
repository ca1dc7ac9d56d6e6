package media

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// upstreamEvent is the payload type of telephone-event in our offers to upstreams: 101 by long custom, also Asterisk's.
const upstreamEvent = 101

// Prefer replaces the codecs for the next offer or answer.
func (s *RTPSession) Prefer(codecs []Codec) {
	s.nmu.Lock()
	defer s.nmu.Unlock()
	s.codecs = slices.Clone(codecs)
}

// SetDirection says what the next offer or answer asks for, seen from us.
func (s *RTPSession) SetDirection(d Direction) {
	s.nmu.Lock()
	defer s.nmu.Unlock()
	s.wanted = d
}

// Direction is what offer and answer made of the stream, seen from us.
func (s *RTPSession) Direction() Direction {
	s.nmu.Lock()
	defer s.nmu.Unlock()
	return s.directionLocked()
}

func (s *RTPSession) directionLocked() Direction {
	if s.remote == nil {
		return Inactive
	}
	return s.wanted.AnswerTo(s.remote.direction)
}

// Formats are the payload types that both sides agreed on: codecs first, then telephone-event.
func (s *RTPSession) Formats() []Format {
	s.nmu.Lock()
	defer s.nmu.Unlock()
	return slices.Clone(s.agreed)
}

// Offer writes an offer: the first one, or a later one with the codecs and direction that are wanted now.
func (s *RTPSession) Offer() []byte {
	s.nmu.Lock()
	defer s.nmu.Unlock()
	s.offered = true
	formats := offeredFormats(s.codecs)
	for i := range formats {
		switch formats[i].Codec {
		case Event8k:
			formats[i].PayloadType = upstreamEvent
		case Unknown, PCMU, PCMA, G722, Opus, Event48k, codecCount:
		}
		// What the running call agreed on keeps its payload type (RFC 3264 section 8.3.2).
		if f, ok := findFormat(s.agreed, formats[i].Codec); ok {
			formats[i].PayloadType = f.PayloadType
		}
	}
	return s.writeLocked(formats, s.wanted, nil)
}

// Answer takes an offer of the upstream, the first or a later one (hold, retrieve, new address), and writes the answer.
func (s *RTPSession) Answer(offer []byte) ([]byte, error) {
	d, err := parsePlainSDP(offer)
	if err != nil {
		return nil, err
	}
	s.nmu.Lock()
	defer s.nmu.Unlock()
	order := s.codecs
	if len(s.agreed) > 0 {
		order = append(codecsOf(s.agreed), order...)
	}
	formats, err := chooseFormats(d.formats, order)
	if err != nil {
		return nil, err
	}
	s.takeLocked(d, formats)
	return s.writeLocked(formats, s.directionLocked(), d), nil
}

// Accept takes the upstream's answer to Offer. A forked call may bring several, one after the other: the last one counts.
func (s *RTPSession) Accept(answer []byte) error {
	d, err := parsePlainSDP(answer)
	if err != nil {
		return err
	}
	s.nmu.Lock()
	defer s.nmu.Unlock()
	if !s.offered {
		return ErrNoOffer
	}
	formats := slices.DeleteFunc(slices.Clone(d.formats), func(f Format) bool { return !f.Codec.IsEvent() && !slices.Contains(s.codecs, f.Codec) })
	if len(codecsOf(formats)) == 0 {
		return fmt.Errorf("%w: answered %v, offered %v", ErrNoCodec, codecsOf(d.formats), s.codecs)
	}
	s.takeLocked(d, formats)
	return nil
}

// takeLocked makes a description the one that counts.
func (s *RTPSession) takeLocked(d *description, formats []Format) {
	s.remote, s.agreed = d, formats
	s.setFormats(formats)
	s.negotiated.Store(time.Now().UnixNano())
	s.gate.describe(d.addr, d.rtcp)
	s.sends.Store(s.directionLocked().Sends())
	s.reports.start(s.opts.ReportInterval, s.sendReport)
}

// parsePlainSDP checks what a leg without encryption can't do without.
func parsePlainSDP(body []byte) (*description, error) {
	d, err := parseSDP(body)
	if err != nil {
		return nil, err
	}
	if d.profile != "RTP/AVP" && d.profile != "RTP/AVPF" {
		return nil, fmt.Errorf("%w: m=audio says %s, legs towards upstreams are plain RTP (RTP/AVP)", ErrBadSDP, d.profile)
	}
	if d.addr.Addr().IsUnspecified() {
		d.direction = Inactive.AnswerTo(d.direction)
	}
	return d, nil
}

// writeLocked writes a description; the version grows only when something else does (RFC 3264 section 8).
func (s *RTPSession) writeLocked(formats []Format, direction Direction, offer *description) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "s=-\r\nc=IN %s\r\nt=0 0\r\n", sdpAddr(s.ip))
	index := 0
	if offer != nil {
		index = offer.index
		for i := range index {
			offer.refused[i].write(&b)
		}
	}
	fmt.Fprintf(&b, "m=audio %d RTP/AVP", s.pair.port)
	for _, f := range formats {
		fmt.Fprintf(&b, " %d", f.PayloadType)
	}
	b.WriteString("\r\n")
	for _, f := range formats {
		fmt.Fprintf(&b, "a=rtpmap:%s\r\n", f.rtpmap())
		if f.Params != "" {
			fmt.Fprintf(&b, "a=fmtp:%d %s\r\n", f.PayloadType, f.Params)
		}
	}
	fmt.Fprintf(&b, "a=ptime:20\r\na=%s\r\n", direction)
	if offer != nil {
		for i := index; i < len(offer.refused); i++ {
			offer.refused[i].write(&b)
		}
	}
	if text := b.String(); text != s.last {
		s.last = text
		s.version++
	}
	return fmt.Appendf(nil, "v=0\r\no=- %d %d IN %s\r\n%s", s.sessionID, s.version, sdpAddr(s.ip), s.last)
}
