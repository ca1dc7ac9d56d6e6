package numbering

import (
	"errors"
	"fmt"
)

// ErrRefused is the kind of every RefusedError.
var ErrRefused = errors.New("number refused")

// Rule names the rule that refused a number, for programs.
type Rule string

// The rules.
const (
	RuleFormat  Rule = "format"   // not a number at all
	RuleUnknown Rule = "unknown"  // no route and no DN
	RuleSelf    Rule = "self"     // one's own DN
	RuleClass   Rule = "class"    // no such class of dial rules
	RuleAllow   Rule = "allow"    // not among the allowed prefixes
	RuleDeny    Rule = "deny"     // among the denied prefixes
	RuleNoTrunk Rule = "no_trunk" // nothing carries the call
)

// RefusedError says why a number is not called. Its text is meant for the person who dialled.
type RefusedError struct {
	Number string // as it was given
	Rule   Rule
	Why    string
}

// Error gives the number and the reason.
func (e *RefusedError) Error() string { return fmt.Sprintf("%q: %s", e.Number, e.Why) }

// Unwrap makes errors.Is(err, ErrRefused) true.
func (e *RefusedError) Unwrap() error { return ErrRefused }

func refuse(number string, rule Rule, format string, args ...any) error {
	return &RefusedError{Number: clip(number), Rule: rule, Why: fmt.Sprintf(format, args...)}
}

// maxShown keeps a hostile number from filling logs and answers.
const maxShown = 64

func clip(number string) string {
	if len(number) > maxShown {
		return number[:maxShown] + "..."
	}
	return number
}
