package siptext

import (
	"crypto/md5" //nolint:gosec // what RFC 2617 prescribes and the phones do
	"encoding/hex"
	"strings"
)

// Authorize answers the challenge of a 401 or 407 by digest with MD5 and qop auth, as JsSIP does. The header it returns
// goes into the repeated request.
func Authorize(challenge *Message, method, uri, user, password string) string {
	name, value := "Authorization", challenge.Get("WWW-Authenticate")
	for _, line := range challenge.All("WWW-Authenticate") {
		if strings.HasPrefix(line, "Digest ") {
			value = line
			break
		}
	}
	if challenge.Status() == 407 {
		name, value = "Proxy-Authorization", challenge.Get("Proxy-Authenticate")
	}
	realm, nonce, opaque := Param(value, "realm"), Param(value, "nonce"), Param(value, "opaque")
	const nc = "00000001"
	cnonce := Token()
	answer := hash(hash(user+":"+realm+":"+password), nonce, nc, cnonce, "auth", hash(method+":"+uri))
	header := name + `: Digest username="` + user + `", realm="` + realm + `", nonce="` + nonce + `", uri="` + uri +
		`", response="` + answer + `", algorithm=MD5, qop=auth, nc=` + nc + `, cnonce="` + cnonce + `"`
	if opaque != "" {
		header += `, opaque="` + opaque + `"`
	}
	return header
}

// Param is the value of a parameter of a challenge, without its quotes.
func Param(challenge, name string) string {
	for part := range strings.SplitSeq(challenge, ",") {
		key, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(part), "Digest "), "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

func hash(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":"))) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}
