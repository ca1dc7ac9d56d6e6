package bridge

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// DN is a directory number of ours, such as 5001.
type DN string

// CallID is the CallUUID: 32 characters, kept through every change of the call's ConnID.
type CallID string

// ConnID is the T-Library connection id of a call: 64 bits, printed as 16 hex digits, its first byte the node.
type ConnID uint64

// InteractionID names an interaction: a primary call with its consult calls.
type InteractionID string

// PartyID names a party within its interaction.
type PartyID int

// ServerID names the switch (an Asterisk server) that a channel or bridge belongs to.
type ServerID string

// ChannelID is a channel on one server.
type ChannelID struct {
	Server ServerID
	ID     string
}

// BridgeID is a mixing bridge on one server.
type BridgeID struct {
	Server ServerID
	ID     string
}

// String gives the 16 hex digits that T-Library clients print.
func (c ConnID) String() string { return fmt.Sprintf("%016x", uint64(c)) }

// MarshalText writes the 16 hex digits, since a 64-bit number does not survive JavaScript.
func (c ConnID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (c *ConnID) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != 8 {
		return fmt.Errorf("%q: %w", text, ErrConnID)
	}
	*c = ConnID(binary.BigEndian.Uint64(raw))
	return nil
}

// newConnID makes a random id whose first byte is the node, so that nodes never make the same one.
func newConnID(node byte) ConnID {
	var raw [8]byte
	_, _ = rand.Read(raw[:])
	raw[0] = node
	return ConnID(binary.BigEndian.Uint64(raw[:]))
}

func newCallID() CallID {
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	return CallID(strings.ToUpper(hex.EncodeToString(raw[:])))
}

// valid reports whether an id that came with a call can be one of ours.
func (id CallID) valid() bool {
	return len(id) == 32 && !strings.ContainsFunc(string(id), func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
