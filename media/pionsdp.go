package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"
)

// pionSDP writes the description that the PeerConnection reads in place of the browser's. The first m-line carries the
// call; lines beyond it are refused. The direction is always sendrecv: hold is none of the PeerConnection's business.
func pionSDP(remote *Transport, formats []Format, lines int, version uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n", version)
	if remote.Lite {
		b.WriteString("a=ice-lite\r\n")
	}
	for line := range max(lines, 1) {
		port := 9
		if line > 0 {
			port = 0
		}
		fmt.Fprintf(&b, "m=audio %d UDP/TLS/RTP/SAVPF", port)
		for _, f := range formats {
			fmt.Fprintf(&b, " %d", f.PayloadType)
		}
		fmt.Fprintf(&b, "\r\nc=IN IP4 0.0.0.0\r\na=mid:%d\r\na=rtcp-mux\r\na=setup:%s\r\n", line, remote.Setup)
		fmt.Fprintf(&b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\n", remote.Ufrag, remote.Password, remote.Fingerprint)
		for _, f := range formats {
			fmt.Fprintf(&b, "a=rtpmap:%s\r\n", f.rtpmap())
		}
		if line > 0 {
			b.WriteString("a=inactive\r\n")
			continue
		}
		b.WriteString("a=sendrecv\r\n")
		if remote.SSRC != 0 {
			fmt.Fprintf(&b, "a=msid:browser audio\r\na=ssrc:%d cname:browser\r\n", remote.SSRC)
		}
		for _, candidate := range remote.Candidates {
			fmt.Fprintf(&b, "a=candidate:%s\r\n", candidate)
		}
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}

// readPionSDP takes our transport out of the PeerConnection's own description.
func readPionSDP(d *webrtc.SessionDescription) (Transport, error) {
	parsed, err := d.Unmarshal()
	if err != nil {
		return Transport{}, fmt.Errorf("read the local description: %w", err)
	}
	if len(parsed.MediaDescriptions) == 0 {
		return Transport{}, fmt.Errorf("read the local description: %w: no audio", ErrBadSDP)
	}
	local := readTransport(parsed, parsed.MediaDescriptions[0])
	local.Candidates = ownCandidates(local.Candidates)
	return local, nil
}

// ownCandidates leaves out what tells a browser nothing: the RTCP component, for RTCP goes with RTP in all our descriptions,
// and places that two of our addresses share behind a NAT.
func ownCandidates(candidates []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(candidates, func(candidate string) bool {
		fields := strings.Fields(candidate)
		place := strings.Join([]string{fields[2], fields[4], fields[5]}, " ")
		if fields[1] != "1" || seen[place] {
			return true
		}
		seen[place] = true
		return false
	})
}
