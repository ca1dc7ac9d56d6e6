package bayeux

import (
	"crypto/rand"
	"encoding/hex"
)

// idBytes is the entropy of client ids and browser cookies; Bayeux asks for 128 bits at least.
const idBytes = 20

// newID makes an unguessable alphanumeric name.
func newID() string {
	var b [idBytes]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
