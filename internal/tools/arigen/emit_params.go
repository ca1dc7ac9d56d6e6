package main

import (
	"fmt"
	"strings"

	"sidecar/internal/tools/arispec"
)

// member returns the declaration of one parameter, the statement that puts it
// into a request, and a comment about what may be in it.
func member(resource, op string, p arispec.Param) (field, stmt, comment string) {
	name, unit := duration(p.Name)
	if name == "" {
		name = exported(p.Name)
	}
	comment = note(p, name)
	t := paramType(resource, op, p.Name)
	if p.Type == "string" && p.Name == "variables" {
		t = "" // names of variables here, not their values
	}
	switch {
	case p.In == arispec.InBody:
		if t == "" {
			t = "map[string]any"
		}
		// A containers parameter is one key of the body, an object is all of it.
		key := p.Name
		if p.Type == "object" || bareBody(resource, op) {
			key = ""
		}
		return name + " " + t, fmt.Sprintf("r.setBody(%q, p.%s, len(p.%s) > 0)", key, name, name), comment
	case unit != "":
		if optionalPointer(p) {
			return name + " *time.Duration", fmt.Sprintf("putSpan(r, %q, p.%s, %s)", p.Name, name, unit), comment
		}
		return name + " time.Duration", fmt.Sprintf("if p.%s != 0 {\n putSpan(r, %q, &p.%s, %s)\n}", name, p.Name, name, unit), comment
	}
	if t == "" {
		t = scalar(p.Type)
	}
	if p.Multiple {
		return name + " []" + t, fmt.Sprintf("putList(r, %q, p.%s)", p.Name, name), comment
	}
	switch p.Type {
	case "boolean":
		stmt = fmt.Sprintf("putBool(r, %q, p.%s)", p.Name, name)
	case "int", "long":
		stmt = fmt.Sprintf("putInt(r, %q, p.%s, %t)", p.Name, name, p.Required)
	default:
		stmt = fmt.Sprintf("putString(r, %q, p.%s, %t)", p.Name, name, p.Required)
	}
	return name + " " + t, stmt, comment
}

// optionalPointer says that leaving a number out and sending zero differ.
func optionalPointer(p arispec.Param) bool {
	return !p.Required && p.Default != "" && p.Default != "0"
}

func note(p arispec.Param, name string) string {
	var parts []string
	if p.Required {
		parts = append(parts, "required")
	}
	if len(p.Values) > 0 {
		parts = append(parts, "one of "+strings.Join(p.Values, ", "))
	}
	if p.Default != "" && p.Default != "0" && p.Default != "False" && p.Default != "false" {
		parts = append(parts, "Asterisk's default is "+p.Default)
	}
	if len(parts) == 0 {
		return ""
	}
	return name + ": " + strings.Join(parts, "; ") + "."
}
