package v3

import (
	"encoding/json"
	"fmt"

	"sidecar/internal/userdata"
)

// Pairs is the API's key-value array, [{"key":"a","type":"str","value":"x"}]: user data, reasons and extensions alike.
// None is written as an empty array, never as null.
type Pairs struct{ userdata.Data }

// MarshalJSON writes the array.
func (p Pairs) MarshalJSON() ([]byte, error) {
	text, err := p.Data.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("key-value array: %w", err)
	}
	return text, nil
}

// UnmarshalJSON reads the array; null is none. An object is refused, unlike in other dialects: it can't say the types.
func (p *Pairs) UnmarshalJSON(text []byte) error {
	var pairs []json.RawMessage
	if err := json.Unmarshal(text, &pairs); err != nil {
		return &userdata.Error{Rule: "must be an array of pairs with key, type and value"}
	}
	return p.Data.UnmarshalJSON(text) //nolint:wrapcheck // an *Error, or what encoding/json says about the text
}

// pairsOf makes an array of texts: keys and values in turns. Pairs whose value is empty are left out.
func pairsOf(texts ...string) Pairs {
	p := Pairs{}
	for i := 0; i+1 < len(texts); i += 2 {
		if texts[i+1] != "" {
			p.Data = append(p.Data, userdata.Pair{Key: texts[i], Value: userdata.Text(texts[i+1])})
		}
	}
	return p
}

// text finds a text, or a number as text.
func (p Pairs) text(key string) string {
	v, _ := p.Get(key)
	return v.String()
}
