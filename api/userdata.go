package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sidecar/access"
	"sidecar/bridge"
	"sidecar/internal/userdata"
)

// UserData is user data in JSON: read from an object or an array of pairs, written as an object.
type UserData struct {
	data bridge.UserData
	err  error // of reading it: the handler names the key, which the framework can't
}

// Data gives what was read.
func (u UserData) Data() bridge.UserData { return u.data }

// Err says why it can't be taken.
func (u UserData) Err() error { return u.err }

// UnmarshalJSON keeps what is wrong for Err.
func (u *UserData) UnmarshalJSON(text []byte) error {
	if u.err = u.data.UnmarshalJSON(text); string(text) == "null" {
		u.err = &bridge.UserDataError{Rule: wrongForm}
	}
	return nil
}

// MarshalJSON writes the object.
func (u UserData) MarshalJSON() ([]byte, error) { return json.Marshal(userdata.Object(u.data)) }

// wrongForm is what the schema says of what is neither object nor array, for which the framework has no words of use.
const wrongForm = "must be an object or an array of pairs with key, type and value"

// Schema describes both forms.
func (UserData) Schema(huma.Registry) *huma.Schema {
	pairs := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	return &huma.Schema{
		Description: fmt.Sprintf("Keys with texts, whole numbers or objects of such, in order; or, where it is sent, an array of pairs {key, type, value} "+
			"in which a key may be there several times. At most %d pairs, %d bytes in all and %d in a key, %d levels.",
			userdata.MaxPairs, userdata.MaxBytes, userdata.MaxKey, userdata.MaxDepth),
		OneOf:    []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: huma.TypeArray, Items: pairs}},
		Examples: []any{map[string]any{"CustomerSegment": "Gold", "Attempts": 2}},
	}
}

// UserDataRequest is user data for a call.
type UserDataRequest struct {
	PartyRequest
	UserData UserData `json:"userData"`
}

// deleteDataInput has no body: what a DELETE carries may be dropped on the way (RFC 9110, section 9.3.5).
type deleteDataInput struct {
	OperationID
	CallPath
	DN   string   `query:"dn" maxLength:"32" doc:"The DN that it is for; not needed when only one of the call's DNs is yours to use"`
	Keys []string `query:"key,explode" maxItems:"500" doc:"A key to remove, several times for several"`
	All  bool     `query:"all" doc:"Remove every key, instead"`
}

// check wants to be told that everything should go: a key that got lost on the way must not mean that.
func (in *deleteDataInput) check() error {
	switch {
	case len(in.Keys) == 0 && !in.All:
		return invalid("key", "is missing: name the keys to remove, or say all=true")
	case len(in.Keys) > 0 && in.All:
		return invalid("key", "must be missing when all is true")
	}
	for _, key := range in.Keys {
		if key == "" || len(key) > userdata.MaxKey {
			return invalid("key", fmt.Sprintf("must have 1 to %d bytes", userdata.MaxKey))
		}
	}
	return nil
}

// registerUserData adds what changes a call's user data. Attaching is POST, since twice is not the same as once.
func (s *server) registerUserData() {
	read := func(b UserDataRequest) (access.Command, error) {
		return access.Command{Data: b.UserData.Data()}, b.UserData.Err()
	}
	registerCommand(s, verb{
		name: "user-data", id: "attach-user-data", does: access.AttachData, summary: "Add pairs to the user data, also under keys that are there",
	}, read)
	registerCommand(s, verb{
		name: "user-data", id: "update-user-data", method: http.MethodPatch, does: access.UpdateData, summary: "Give keys of the user data new values",
	}, read)
	v := verb{
		name: "user-data", id: "delete-user-data", method: http.MethodDelete, does: access.DeleteData,
		summary: "Remove keys of the user data; one that is not there is no error",
	}
	register(s, v.endpoint(), func(ctx context.Context, in *deleteDataInput) (*callOutput, error) {
		if err := in.check(); err != nil {
			return nil, err
		}
		return s.do(ctx, v, in.CallPath, in.OperationID, access.Command{DN: in.DN, Keys: in.Keys})
	})
}
