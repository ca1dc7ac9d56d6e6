package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrOpTaken says that a client has used the id of an operation for another command before.
var ErrOpTaken = errors.New("this operation id stands for another command already: choose a new one")

// OpID is chosen by a client to make a repeated command have the result of the first.
type OpID string

// opMark is in no id that a client can send: a header has no control characters.
const opMark = "\x00"

// For is the id as that of one client, for one command with all it says: what others do under the same id is something else,
// and what this client does under it must be the same.
func (id OpID) For(client string, command any) OpID {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v", command))
	return OpID(client + opMark + hex.EncodeToString(sum[:8]) + opMark + string(id))
}

// Plain is the id as the client chose it.
func (id OpID) Plain() OpID { return id[strings.LastIndex(string(id), opMark)+1:] }

// parts are what names the operation, and what is done under that name.
func (id OpID) parts() (name, command string) {
	client, rest, scoped := strings.Cut(string(id), opMark)
	if !scoped {
		return client, ""
	}
	command, plain, _ := strings.Cut(rest, opMark)
	return client + opMark + plain, command
}
