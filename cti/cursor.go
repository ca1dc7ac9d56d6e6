package cti

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Cursor is a position in the feed: everything up to and including Seq has been seen. Clients get it as opaque
// text, <epoch>:<seq>; the epoch is another one when the log has begun anew.
type Cursor struct {
	Epoch string
	Seq   uint64
}

const maxCursor = 64 // characters that a cursor from a client may have

// ParseCursor reads what String wrote.
func ParseCursor(text string) (Cursor, error) {
	epoch, digits, found := strings.Cut(text, ":")
	if !found || epoch == "" || len(text) > maxCursor {
		return Cursor{}, ErrBadCursor
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || strconv.FormatUint(seq, 10) != digits {
		return Cursor{}, ErrBadCursor
	}
	return Cursor{Epoch: epoch, Seq: seq}, nil
}

// IsZero reports whether the cursor names no position.
func (c Cursor) IsZero() bool { return c.Epoch == "" }

// String gives the text that clients see, empty for the zero cursor.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return c.Epoch + ":" + strconv.FormatUint(c.Seq, 10)
}

// MarshalText writes String.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a cursor; empty text is the zero cursor.
func (c *Cursor) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = Cursor{}
		return nil
	}
	read, err := ParseCursor(string(text))
	if err != nil {
		return fmt.Errorf("cursor: %w", err)
	}
	*c = read
	return nil
}

func NewEpoch() string {
	var raw [5]byte
	_, _ = rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}
