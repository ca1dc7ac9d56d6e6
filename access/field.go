package access

import (
	"regexp"
	"strings"

	"sidecar/auth"
	"sidecar/bridge"
)

const (
	maxNumber = 64
	maxDigits = 64
)

// The forms of what commands bring.
const (
	numberForm = `^[0-9A-Za-z+*#(). /_-]+$`
	digitsForm = `^[0-9*#A-Da-d]+$`
	callerForm = `^[+]?[0-9]+$`
	opForm     = `^[A-Za-z0-9._:-]{1,64}$`
)

// Number refuses what can't be a DN or number.
func Number(field, value string) error {
	switch {
	case value == "":
		return missing(field)
	case len(value) > maxNumber || !matches(numberForm, value):
		return &auth.FieldError{Field: field, Rule: "must be a number"}
	}
	return nil
}

// CallerID refuses what can't be shown as a number; empty is none.
func CallerID(field, value string) error {
	if value != "" && (len(value) > maxNumber || !matches(callerForm, value)) {
		return &auth.FieldError{Field: field, Rule: "must be a number"}
	}
	return nil
}

// Digits refuses what can't be sent as DTMF.
func Digits(field, value string) error {
	switch {
	case value == "":
		return missing(field)
	case len(value) > maxDigits || !matches(digitsForm, value):
		return &auth.FieldError{Field: field, Rule: "must be digits: 0-9 * # A-D"}
	}
	return nil
}

// OpID reads a command's id as a client gave it; empty is none.
func OpID(field, value string) (bridge.OpID, error) {
	if value != "" && !matches(opForm, value) {
		return "", &auth.FieldError{Field: field, Rule: "must be 1 to 64 letters, digits and . _ : -"}
	}
	return bridge.OpID(value), nil
}

// Missing reports whether the error is about a field that is not there.
func Missing(err error) bool {
	o, ok := OutcomeOf(err)
	return ok && strings.HasPrefix(o.Rule, isMissing)
}

const isMissing = "is missing"

func missing(field string) error { return &auth.FieldError{Field: field, Rule: isMissing} }

func matches(form, value string) bool {
	ok, err := regexp.MatchString(form, value)
	return err == nil && ok
}
