package siptext_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/load/siptext"
)

func TestMessagesSurviveTheWire(t *testing.T) {
	t.Parallel()
	m := siptext.Parse("INVITE sip:echo@h SIP/2.0\r\nVia: a\r\nvia: b\r\nTo: \"E\" <sip:echo@h>\r\nCSeq: 7 INVITE\r\n\r\nv=0\r\n")
	require.Equal(t, "INVITE", m.Method())
	require.Zero(t, m.Status())
	require.Equal(t, []string{"a", "b"}, m.All("Via"))
	require.Equal(t, "v=0\r\n", m.Body)
	require.Equal(t, "sip:echo@h", siptext.URI(m.Get("To")))

	res := siptext.Parse(string(m.Respond(200, "OK", "mine", "Contact: <sip:x>").Bytes()))
	require.Equal(t, 200, res.Status())
	require.Equal(t, "INVITE", res.Method())
	require.Equal(t, []string{"a", "b"}, res.All("Via"))
	require.Equal(t, `"E" <sip:echo@h>;tag=mine`, res.Get("To"))
	require.Equal(t, "0", res.Get("Content-Length"))
	require.Equal(t, `"E" <sip:echo@h>`, m.Respond(100, "Trying", "mine").Get("To"), "no dialog yet")
	require.Empty(t, siptext.Parse("junk").Get("To"))
}

// The figures are those of RFC 2617 section 3.5, but for the client's nonce, which is random: so only the parts are
// compared that it does not go into.
func TestDigestNamesWhatTheChallengeNamed(t *testing.T) {
	t.Parallel()
	challenge := siptext.Parse("SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: Bearer realm=\"x\"\r\n" +
		"WWW-Authenticate: Digest realm=\"desk\", nonce=\"n1\", qop=\"auth\", opaque=\"o\"\r\n\r\n")
	header := siptext.Authorize(challenge, "REGISTER", "sip:h", "5001", "secret")
	require.Contains(t, header, `Authorization: Digest username="5001", realm="desk", nonce="n1", uri="sip:h", response="`)
	require.Equal(t, "o", siptext.Param(header, "opaque"))
	require.Len(t, siptext.Param(header, "response"), 32)
	require.NotEqual(t, header, siptext.Authorize(challenge, "REGISTER", "sip:h", "5001", "secret"), "a nonce of our own")
}
