package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// The headers are those of the Standard Webhooks specification 1.0, for which receivers find libraries in many languages.
const (
	HeaderID        = "Webhook-Id"        // names the message: the same when it is repeated
	HeaderTimestamp = "Webhook-Timestamp" // of this attempt, seconds since 1970
	HeaderSignature = "Webhook-Signature"
)

const (
	secretPrefix = "whsec_"
	minSecret    = 24
	maxSecret    = 64
)

// ParseSecret reads a secret as it is written in the settings. It fails with ErrSecret.
func ParseSecret(text string) ([]byte, error) {
	coded, ok := strings.CutPrefix(text, secretPrefix)
	raw, err := base64.StdEncoding.DecodeString(coded)
	if !ok || err != nil || len(raw) < minSecret || len(raw) > maxSecret {
		return nil, ErrSecret // without the cause, which would quote it
	}
	return raw, nil
}

// Sign is the signature of a message: HMAC-SHA256 over id, timestamp and body with dots between.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
