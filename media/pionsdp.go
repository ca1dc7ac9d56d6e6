package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"
)

// tcpTypePreference is below that of relayed UDP's rivals, 126 for a host's and 100 for what is seen from outside.
const tcpTypePreference = 99

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

// readPionSDP takes our transport out of the PeerConnection's own description; tcp adds our TCP candidates.
func readPionSDP(d *webrtc.SessionDescription, tcp bool) (Transport, error) {
	parsed, err := d.Unmarshal()
	if err != nil {
		return Transport{}, fmt.Errorf("read the local description: %w", err)
	}
	if len(parsed.MediaDescriptions) == 0 {
		return Transport{}, fmt.Errorf("read the local description: %w: no audio", ErrBadSDP)
	}
	local := readTransport(parsed, parsed.MediaDescriptions[0])
	local.Candidates = ownCandidates(local.Candidates)
	if tcp {
		local.Candidates = append(local.Candidates, tcpCandidates(local.Candidates)...)
	}
	return local, nil
}

// ownCandidates leaves out what tells a browser nothing: the RTCP component, for RTCP goes with RTP in all our descriptions,
// and places that two of our addresses share behind a NAT. IPv4 goes first, whose first place stands in the c= line: Pion
// orders the families by chance.
func ownCandidates(candidates []string) []string {
	seen := map[string]bool{}
	family := func(candidate string) int { return min(strings.Count(strings.Fields(candidate)[4], ":"), 1) }
	slices.SortStableFunc(candidates, func(a, b string) int { return family(a) - family(b) })
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

// tcpCandidates are the same places by TCP, of which no PeerConnection knows (tcpMux).
func tcpCandidates(candidates []string) []string {
	var passive []string
	for i, candidate := range candidates {
		fields := strings.Fields(candidate)
		// RFC 6544 section 4.2: 4 is the preference of a passive one, and no two addresses share theirs. The type counts
		// less than that of any of UDP, which is the better path for sound.
		priority := tcpTypePreference<<24 | uint32(4<<13+8191-min(i, 8191))<<8 | 255
		passive = append(passive, fmt.Sprintf("tcp%s 1 tcp %d %s %s typ host tcptype passive", fields[0], priority, fields[4], fields[5]))
	}
	return passive
}
