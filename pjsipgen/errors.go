package pjsipgen

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrInvalid is a configuration from which no files can be made.
	ErrInvalid = errors.New("no Asterisk configuration can be made from this")
	// ErrServer is an id that no entry of asterisk has.
	ErrServer = errors.New("no such Asterisk server")
	// ErrRolledBack says that the running Asterisk refused the new files and has the old ones again.
	ErrRolledBack = errors.New("asterisk did not take the new configuration; the last good one is back in place")
	// ErrBroken says that the new files were refused and the old ones could not be put back either.
	ErrBroken = errors.New("asterisk did not take the new configuration, and the last good one could not be put back")
)

// FieldError is one setting that can't be written into Asterisk's files.
type FieldError struct {
	Field string // path of the setting, e.g. trunks[genesys].host
	Value string // as given; empty for a secret
	Rule  string // what would be right
}

// Error names field, value and rule.
func (e FieldError) Error() string {
	if e.Value == "" {
		return e.Field + ": " + e.Rule
	}
	return fmt.Sprintf("%s: %q: %s", e.Field, e.Value, e.Rule)
}

// InvalidError lists every setting that is wrong.
type InvalidError struct {
	Fields []FieldError
}

// Error lists the settings, one per line.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *InvalidError) Unwrap() error { return ErrInvalid }
