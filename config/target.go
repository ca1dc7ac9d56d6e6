package config

import (
	"errors"
	"fmt"
	"strings"
)

// TargetKind says what a Target's value names.
type TargetKind string

// The kinds of targets. TargetNone is the zero value: no target.
const (
	TargetNone      TargetKind = ""
	TargetDN        TargetKind = "dn"        // dn:5001
	TargetQueue     TargetKind = "queue"     // queue:sales
	TargetNumber    TargetKind = "number"    // number:+4930123456
	TargetVoicemail TargetKind = "voicemail" // voicemail:5001
	TargetMessage   TargetKind = "message"   // message:SOUND
	TargetHangup    TargetKind = "hangup"    // hangup
)

// ErrTarget is a target that is not written as KIND:VALUE.
var ErrTarget = errors.New("not a target: write dn:5001, queue:NAME, number:+4930123456, voicemail:5001, message:SOUND or hangup")

// Target is where a call goes.
type Target struct {
	Kind  TargetKind
	Value string
}

// ParseTarget reads KIND:VALUE; the empty text is the zero Target.
func ParseTarget(text string) (Target, error) {
	if text == "" {
		return Target{}, nil
	}
	kind, value, _ := strings.Cut(text, ":")
	target := Target{Kind: TargetKind(kind), Value: value}
	switch target.Kind {
	case TargetHangup:
		if value == "" {
			return target, nil
		}
	case TargetDN, TargetQueue, TargetNumber, TargetVoicemail, TargetMessage:
		if value != "" {
			return target, nil
		}
	case TargetNone:
	}
	return Target{}, fmt.Errorf("%q: %w", text, ErrTarget)
}

// UnmarshalText reads a target from a configuration value.
func (t *Target) UnmarshalText(text []byte) error {
	target, err := ParseTarget(string(text))
	if err != nil {
		return err
	}
	*t = target
	return nil
}

// MarshalText writes KIND:VALUE.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// String writes KIND:VALUE, or nothing for no target.
func (t Target) String() string {
	if t.Kind == TargetNone || t.Kind == TargetHangup {
		return string(t.Kind)
	}
	return string(t.Kind) + ":" + t.Value
}

// IsZero reports whether there is no target.
func (t Target) IsZero() bool { return t.Kind == TargetNone }
