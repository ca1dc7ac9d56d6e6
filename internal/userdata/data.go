package userdata

import (
	"maps"
	"slices"
	"strconv"
)

// Data is a list of pairs in the order in which they were attached. A key may be there several times.
//
// It is a value: the methods change nothing and give a new Data.
type Data []Pair

// Pair is a key with its value.
type Pair struct {
	Key   string
	Value Value
}

// Kind is the type of a value, as T-Library's JSON dialects name it.
type Kind string

// The kinds.
const (
	KindText Kind = "str"
	KindInt  Kind = "int"
	KindList Kind = "kvlist"
)

// Value is a text, a whole number or a list of pairs. The zero Value is the empty text.
type Value struct {
	kind Kind // empty: KindText
	text string
	num  int64
	list Data
}

// Text makes a value of a text.
func Text(s string) Value { return Value{text: s} }

// Int makes a value of a whole number.
func Int(n int64) Value { return Value{kind: KindInt, num: n} }

// List makes a value of a list of pairs, of which it takes a copy.
func List(d Data) Value { return Value{kind: KindList, list: d.Clone()} }

// FromMap makes texts of a map, ordered by key.
func FromMap(m map[string]string) Data {
	var d Data
	for _, key := range slices.Sorted(maps.Keys(m)) {
		d = append(d, Pair{key, Text(m[key])})
	}
	return d
}

// Kind says what the value is.
func (v Value) Kind() Kind {
	if v.kind == "" {
		return KindText
	}
	return v.kind
}

// Int gives the number; 0 for values of other kinds.
func (v Value) Int() int64 { return v.num }

// List gives a copy of the pairs; none for values of other kinds.
func (v Value) List() Data { return v.list.Clone() }

// String gives the text, or the number in decimal digits; a list has none.
func (v Value) String() string {
	if v.kind == KindInt {
		return strconv.FormatInt(v.num, 10)
	}
	return v.text
}

// Equal reports whether both are of one kind and hold the same.
func (v Value) Equal(o Value) bool {
	return v.Kind() == o.Kind() && v.text == o.text && v.num == o.num && v.list.Equal(o.list)
}

// Equal reports whether both hold the same pairs in the same order.
func (d Data) Equal(o Data) bool {
	return slices.EqualFunc(d, o, func(a, b Pair) bool { return a.Key == b.Key && a.Value.Equal(b.Value) })
}

// Clone copies the data with its lists; that of none is nil.
func (d Data) Clone() Data {
	if len(d) == 0 {
		return nil
	}
	out := slices.Clone(d)
	for i := range out {
		out[i].Value.list = out[i].Value.list.Clone()
	}
	return out
}

// Get finds the value that was attached to key last.
func (d Data) Get(key string) (Value, bool) {
	for _, p := range slices.Backward(d) {
		if p.Key == key {
			return p.Value, true
		}
	}
	return Value{}, false
}

// Attach adds pairs at the end, also under keys that are there. What breaks a limit is refused as a whole.
func (d Data) Attach(more Data) (Data, error) {
	out := append(d.Clone(), more.Clone()...)
	if err := out.Check(); err != nil {
		return nil, err
	}
	return out, nil
}

// Update gives each key its new value, in the first place where the key stood, or at the end. Further pairs of that key go.
// What breaks a limit is refused as a whole.
func (d Data) Update(with Data) (Data, error) {
	out := d.Clone()
	for _, p := range with.Clone() {
		at := slices.IndexFunc(out, func(o Pair) bool { return o.Key == p.Key })
		if at < 0 {
			out = append(out, p)
			continue
		}
		out[at] = p
		out = append(out[:at+1], out[at+1:].Delete(p.Key)...)
	}
	if err := out.Check(); err != nil {
		return nil, err
	}
	return out, nil
}

// Delete removes every pair of the keys, or all pairs when none is named. A key that is not there is no error.
func (d Data) Delete(keys ...string) Data {
	if len(keys) == 0 {
		return nil
	}
	return slices.DeleteFunc(d.Clone(), func(p Pair) bool { return slices.Contains(keys, p.Key) })
}
