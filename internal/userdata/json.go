package userdata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Object is Data that JSON writes as an object, {"a":"x","n":1,"l":{...}}, in the order of the keys. A key that is there
// several times is written once, where it came first, with the value that it got last.
type Object Data

// pair is T-Library's pair in JSON, {"key":"a","type":"str","value":"x"}; the value of a list is an array of pairs.
type pair struct {
	Key   string `json:"key"`
	Type  Kind   `json:"type"`
	Value any    `json:"value"`
}

// MarshalJSON writes an array of pairs, the form that loses nothing.
func (d Data) MarshalJSON() ([]byte, error) { return json.Marshal(d.pairs()) }

func (d Data) pairs() []pair {
	out := make([]pair, 0, len(d))
	for _, p := range d {
		out = append(out, pair{p.Key, p.Value.Kind(), p.Value.plain(func(l Data) any { return l.pairs() })})
	}
	return out
}

// plain is the value as JSON has it, lists in the form that the caller writes.
func (v Value) plain(list func(Data) any) any {
	switch v.Kind() {
	case KindInt:
		return v.num
	case KindList:
		return list(v.list)
	case KindText:
	}
	return v.text
}

// MarshalJSON writes the object.
func (o Object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	seen := make(map[string]bool, len(o))
	for _, p := range o {
		if seen[p.Key] {
			continue
		}
		seen[p.Key] = true
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		newest, _ := Data(o).Get(p.Key)
		key, err := json.Marshal(p.Key)
		if err != nil {
			return nil, fmt.Errorf("user data %q: %w", p.Key, err)
		}
		value, err := json.Marshal(newest.plain(func(l Data) any { return Object(l) }))
		if err != nil {
			return nil, fmt.Errorf("user data %q: %w", p.Key, err)
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// UnmarshalJSON reads the object, under the rules of Data.UnmarshalJSON.
func (o *Object) UnmarshalJSON(text []byte) error { return (*Data)(o).UnmarshalJSON(text) }

// UnmarshalJSON reads an array of pairs or an object; null is no data. An *Error says what else it got, or which limit
// the data breaks.
func (d *Data) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	first, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("read user data: %w", err)
	}
	if first == nil {
		*d = nil
		return nil
	}
	list, err := readList(decoder, first, "", 1)
	if err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return &Error{Rule: "has something behind its end"}
	}
	if err := list.Check(); err != nil {
		return err
	}
	*d = list
	return nil
}

// readList reads a list whose first token has been read.
func readList(d *json.Decoder, first json.Token, parent string, depth int) (Data, error) {
	if depth > MaxDepth {
		return nil, &Error{Key: parent, Rule: fmt.Sprintf("nests lists more than %d deep", MaxDepth)}
	}
	switch first {
	case json.Delim('{'):
		return readObject(d, parent, depth)
	case json.Delim('['):
		return readPairs(d, parent, depth)
	}
	return nil, &Error{Key: parent, Rule: "must be an object or an array of pairs with key, type and value"}
}

func readObject(d *json.Decoder, parent string, depth int) (Data, error) {
	var out Data
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read user data: %w", err)
		}
		key, _ := name.(string)
		path := under(parent, key)
		if seen[key] {
			return nil, &Error{Key: path, Rule: "is given twice"}
		}
		seen[key] = true
		value, err := readValue(d, path, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, Pair{key, value})
	}
	return out, closed(d)
}

func readValue(d *json.Decoder, path string, depth int) (Value, error) {
	token, err := d.Token()
	if err != nil {
		return Value{}, fmt.Errorf("read user data: %w", err)
	}
	switch t := token.(type) {
	case string:
		return Text(t), nil
	case json.Number:
		n, err := t.Int64()
		if err != nil {
			return Value{}, &Error{Key: path, Rule: "must be a whole number of 64 bits"}
		}
		return Int(n), nil
	case json.Delim:
		list, err := readList(d, t, path, depth+1)
		return Value{kind: KindList, list: list}, err
	}
	return Value{}, &Error{Key: path, Rule: "must be a text, a whole number or a list"}
}

func readPairs(d *json.Decoder, parent string, depth int) (Data, error) {
	var out Data
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read user data: %w", err)
		}
		if token != json.Delim('{') {
			return nil, &Error{Key: parent, Rule: "must be an array of pairs with key, type and value"}
		}
		p, err := readPair(d, parent, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, closed(d)
}

// readPair reads a pair behind its brace. Its members come in any order, so that the path of a bad value may lack the key.
func readPair(d *json.Decoder, parent string, depth int) (Pair, error) {
	var p Pair
	var kind Kind
	given := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return Pair{}, fmt.Errorf("read user data: %w", err)
		}
		member, _ := name.(string)
		if given[member] {
			return Pair{}, &Error{Key: under(parent, p.Key), Rule: fmt.Sprintf("has the member %q twice", member)}
		}
		given[member] = true
		switch member {
		case "key":
			err = readText(d, &p.Key, parent, member)
		case "type":
			err = readText(d, (*string)(&kind), under(parent, p.Key), member)
		case "value":
			p.Value, err = readValue(d, under(parent, p.Key), depth)
		default:
			err = &Error{Key: under(parent, p.Key), Rule: "is a pair of key, type and value, and has another member"}
		}
		if err != nil {
			return Pair{}, err
		}
	}
	path := under(parent, p.Key)
	switch {
	case !given["key"] || !given["value"]:
		return Pair{}, &Error{Key: path, Rule: "must have a key and a value"}
	case kind != "" && kind != p.Value.Kind():
		return Pair{}, &Error{Key: path, Rule: fmt.Sprintf("must have the type %s, which its value is", p.Value.Kind())}
	}
	return p, closed(d)
}

func readText(d *json.Decoder, to *string, path, member string) error {
	token, err := d.Token()
	if err != nil {
		return fmt.Errorf("read user data: %w", err)
	}
	text, ok := token.(string)
	if !ok {
		return &Error{Key: path, Rule: member + " must be a text"}
	}
	*to = text
	return nil
}

func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("read user data: %w", err)
	}
	return nil
}
