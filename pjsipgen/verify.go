package pjsipgen

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// verify gives the endpoints that Asterisk doesn't have as they were generated, and the options among theirs that it
// doesn't know.
//
// A list of endpoints is not enough: Asterisk keeps the old form of one whose new form it refuses, and lists one that
// it has just refused for a moment. So what is new or changed is read back, option by option.
func verify(ctx context.Context, asterisk Reloader, files, old FileSet) (missing, unknown []string, err error) {
	names, err := asterisk.Endpoints(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list the endpoints: %w", err)
	}
	listed := make(map[string]bool, len(names))
	for _, name := range names {
		listed[name] = true
	}
	wanted, before := sipSections(files, "endpoint"), sipSections(old, "endpoint")
	suspicious := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if listed[name] && slices.Equal(wanted[name].options, before[name].options) {
			continue
		}
		attributes, err := asterisk.Endpoint(ctx, name)
		if err != nil {
			return nil, nil, fmt.Errorf("read endpoint %s back: %w", name, err)
		}
		if len(attributes) == 0 {
			missing = append(missing, name)
			continue
		}
		if wrong := differences(wanted[name], attributes); len(wrong) > 0 {
			missing = append(missing, name)
			for _, option := range wrong {
				suspicious[option] = true
			}
		}
	}
	return missing, slices.Sorted(maps.Keys(suspicious)), nil
}

// differences are the options that Asterisk doesn't know or, if it knows all, those with another value.
func differences(s section, attributes map[string]string) []string {
	var unknown, other []string
	for key, value := range effectiveOptions(s) {
		have, known := attributes[key]
		switch {
		case !known:
			unknown = append(unknown, key+" = "+value)
		case normal(have) != normal(value):
			other = append(other, key+" = "+value)
		}
	}
	if len(unknown) > 0 {
		return unknown
	}
	return other
}

// effectiveOptions writes options as Asterisk reports them: the last of each, variables by their own names. Access lists
// are reported without their content.
func effectiveOptions(s section) map[string]string {
	options := map[string]string{}
	for _, o := range s.options {
		switch o.key {
		case "type", "deny", "permit", "contact_deny", "contact_permit":
		case "set_var":
			name, value, _ := strings.Cut(o.value, "=")
			options[name] = value
		case "allow":
			options[o.key] = "(" + strings.ReplaceAll(strings.TrimPrefix(o.value, "!all,"), ",", "|") + ")"
		default:
			options[o.key] = o.value
		}
	}
	return options
}

func normal(value string) string {
	switch value {
	case "yes":
		return "true"
	case "no":
		return "false"
	}
	return value
}
