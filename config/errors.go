package config

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid is the kind of every ValidationError.
var ErrInvalid = errors.New("invalid configuration")

// ErrSecretsFile is a secrets file that can't be used as it is; it is never overwritten.
var ErrSecretsFile = errors.New("secrets file can't be used")

// ErrPassword is a password that would not survive in a configuration file, or is too short.
var ErrPassword = errors.New("not a usable password")

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Key    string // full path, e.g. dns[0].numbers[1]
	Value  string // what was given; the mask for a secret; empty when there is none to show
	Rule   string // what would be right
	Near   string // nearest valid key, for an unknown one
	Source string // where the value came from: file:line or the environment variable
}

// String writes source, key, value and rule in one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(p.Source + ": ")
	}
	b.WriteString(p.Key + ": ")
	if p.Value != "" {
		fmt.Fprintf(&b, "%q: ", p.Value)
	}
	b.WriteString(p.Rule)
	if p.Near != "" {
		b.WriteString("; nearest valid key: " + p.Near)
	}
	return b.String()
}

// ValidationError holds everything that is wrong with a configuration, so that it can be mended in one go.
type ValidationError struct {
	Problems []Problem
}

// Error lists the problems, one per line.
func (e *ValidationError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].String()
	}
	lines := make([]string, 0, len(e.Problems)+1)
	lines = append(lines, fmt.Sprintf("%d problems:", len(e.Problems)))
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *ValidationError) Unwrap() error { return ErrInvalid }

func problemsError(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &ValidationError{Problems: problems}
}
