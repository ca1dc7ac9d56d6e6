package media

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// browserText is what goes into a description for a browser.
type browserText struct {
	transport *Transport
	direction Direction
	mid       string
	formats   []Format
	refused   []refusedLine
	index     int // of the audio line among all lines
}

// writeLocked writes a description and counts its version.
func (l *BrowserLeg) writeLocked(text *browserText) []byte {
	l.version++
	addr := text.transport.defaultAddr()
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN %s\r\ns=-\r\nt=0 0\r\n", l.sessionID, l.version, sdpAddr(addr.Addr()))
	if text.mid != "" {
		fmt.Fprintf(&b, "a=group:BUNDLE %s\r\n", text.mid)
	}
	if text.transport.Lite {
		b.WriteString("a=ice-lite\r\n")
	}
	for i := range text.index {
		text.refused[i].write(&b)
	}
	text.writeAudio(&b, addr)
	for i := text.index; i < len(text.refused); i++ {
		text.refused[i].write(&b)
	}
	return []byte(b.String())
}

func (text *browserText) writeAudio(b *strings.Builder, addr netip.AddrPort) {
	fmt.Fprintf(b, "m=audio %d UDP/TLS/RTP/SAVPF", addr.Port())
	for _, f := range text.formats {
		fmt.Fprintf(b, " %d", f.PayloadType)
	}
	fmt.Fprintf(b, "\r\nc=IN %s\r\n", sdpAddr(addr.Addr()))
	if text.mid != "" {
		fmt.Fprintf(b, "a=mid:%s\r\n", text.mid)
	}
	t := text.transport
	fmt.Fprintf(b, "a=%s\r\na=rtcp-mux\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\na=setup:%s\r\n",
		text.direction, t.Ufrag, t.Password, t.Fingerprint, t.Setup)
	for _, f := range text.formats {
		fmt.Fprintf(b, "a=rtpmap:%s\r\n", f.rtpmap())
		if f.Params != "" {
			fmt.Fprintf(b, "a=fmtp:%d %s\r\n", f.PayloadType, f.Params)
		}
	}
	b.WriteString("a=ptime:20\r\n")
	if t.SSRC != 0 {
		fmt.Fprintf(b, "a=msid:sidecar audio\r\na=ssrc:%d cname:sidecar\r\n", t.SSRC)
	}
	for _, candidate := range t.Candidates {
		fmt.Fprintf(b, "a=candidate:%s\r\n", candidate)
	}
	b.WriteString("a=end-of-candidates\r\n")
}

func (r *refusedLine) write(b *strings.Builder) {
	fmt.Fprintf(b, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\n", r.media, r.protos, r.formats)
	if r.mid != "" {
		fmt.Fprintf(b, "a=mid:%s\r\n", r.mid)
	}
	b.WriteString("a=inactive\r\n")
}

// defaultAddr is the first UDP candidate. It goes into c= and m=, because there are peers that read 0.0.0.0 and port 9
// as "on hold" (Asterisk 22 does).
func (t *Transport) defaultAddr() netip.AddrPort {
	for _, candidate := range t.Candidates {
		fields := strings.Fields(candidate)
		if len(fields) < 6 || !strings.EqualFold(fields[2], "udp") {
			continue
		}
		addr, err := netip.ParseAddr(fields[4])
		if err != nil {
			continue
		}
		if port, errPort := strconv.ParseUint(fields[5], 10, 16); errPort == nil {
			return netip.AddrPortFrom(addr, uint16(port))
		}
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 9)
}

func sdpAddr(addr netip.Addr) string {
	if addr.Is6() {
		return "IP6 " + addr.String()
	}
	return "IP4 " + addr.String()
}
