package ari

import (
	"encoding/json"
	"fmt"
	"time"
)

// Time is a point in time in the form Asterisk writes it.
type Time struct{ time.Time }

// asteriskTime is what Asterisk writes: ISO 8601 with a zone that lacks the
// colon of RFC 3339.
const asteriskTime = "2006-01-02T15:04:05.999-0700"

// UnmarshalJSON accepts Asterisk's form and RFC 3339; null and the empty string
// are the zero time.
func (t *Time) UnmarshalJSON(raw []byte) error {
	s := string(raw)
	if s == "null" || s == `""` {
		t.Time = time.Time{}
		return nil
	}
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return fmt.Errorf("%w: time %q is not a string", ErrMalformedEvent, s)
	}
	s = s[1 : len(s)-1]
	parsed, err := time.Parse(asteriskTime, s)
	if err != nil {
		parsed, err = time.Parse(time.RFC3339Nano, s)
	}
	if err != nil {
		return fmt.Errorf("%w: time %q is neither ISO 8601 nor RFC 3339", ErrMalformedEvent, s)
	}
	t.Time = parsed
	return nil
}

// MarshalJSON writes Asterisk's form.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte(`""`), nil
	}
	return []byte(`"` + t.Format("2006-01-02T15:04:05.000-0700") + `"`), nil
}

// VarValues are variables as Asterisk reports them. Values that are not strings
// keep their JSON text, an absent value (null) is the empty string.
type VarValues map[string]string

// UnmarshalJSON never fails on a value's type: one odd variable must not cost
// the whole event.
func (v *VarValues) UnmarshalJSON(raw []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("variables: %w", err)
	}
	if m == nil {
		*v = nil
		return nil
	}
	out := make(VarValues, len(m))
	for name, value := range m {
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			s = string(value)
		}
		out[name] = s
	}
	*v = out
	return nil
}

// Var is one variable to set.
type Var struct {
	Value string
	// Report includes the variable in the events of its channel or bridge.
	Report bool
}

// MarshalJSON writes the object form, the only one every operation accepts.
func (v Var) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(struct {
		Value  string `json:"value"`
		Report bool   `json:"report_events,omitempty"`
	}{v.Value, v.Report})
	if err != nil {
		return nil, fmt.Errorf("variable: %w", err)
	}
	return raw, nil
}

// Vars are variables to set, by name; names may be functions as
// PJSIP_HEADER(add,X-Name).
type Vars map[string]Var

// NewVars makes Vars of plain values.
func NewVars(values map[string]string) Vars {
	vars := make(Vars, len(values))
	for name, value := range values {
		vars[name] = Var{Value: value}
	}
	return vars
}

// EventFilter limits the events that an application receives.
type EventFilter map[string][]EventFilterEntry

// EventFilterEntry names one event type of a filter.
type EventFilterEntry struct {
	Type EventType `json:"type"`
}

// AllowEvents is a filter that lets only the named events through; without
// names it lets every one through.
func AllowEvents(types ...EventType) EventFilter {
	return EventFilter{"allowed": filterEntries(types)}
}

// DisallowEvents is a filter that keeps the named events away.
func DisallowEvents(types ...EventType) EventFilter {
	return EventFilter{"disallowed": filterEntries(types)}
}

func filterEntries(types []EventType) []EventFilterEntry {
	out := make([]EventFilterEntry, len(types))
	for i, t := range types {
		out[i].Type = t
	}
	return out
}
