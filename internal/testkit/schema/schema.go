// Package schema judges JSON by a JSON schema, in tests. It owns nothing, and it never knows what the JSON means.
package schema

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// Schema is a compiled document.
type Schema struct{ compiled *jsonschema.Schema }

// name is under what the compiler knows the document: it must fetch none.
const name = "urn:sidecar:test"

// New compiles the part of a document that a fragment such as #/$defs/Call names, all of it when the fragment is empty.
// The rule of its formats is on.
func New(t testing.TB, document []byte, fragment string) *Schema {
	t.Helper()
	return compile(t, document, fragment, false)
}

// Closed is New, but an attribute that the document does not know is wrong: what is published leaves objects open, so
// that an attribute can be added, and a test finds those that nobody has described.
func Closed(t testing.TB, document []byte, fragment string) *Schema {
	t.Helper()
	return compile(t, document, fragment, true)
}

// Parts is a document whose parts judge by themselves: one that is known to apply says more than a choice of many, and in
// less time. It is used by one goroutine.
type Parts struct {
	compiler *jsonschema.Compiler
	parts    map[string]*Schema
}

// ClosedParts is Closed, but what of the document counts is said at each check.
func ClosedParts(t testing.TB, document []byte) *Parts {
	t.Helper()
	return &Parts{compiler: load(t, document, true), parts: map[string]*Schema{}}
}

// Check gives what is wrong with a JSON text by the part of this name under $defs.
func (p *Parts) Check(part string, text []byte) error {
	s := p.parts[part]
	if s == nil {
		compiled, err := p.compiler.Compile(name + "#/$defs/" + part)
		if err != nil {
			return fmt.Errorf("part %q: %w", part, err)
		}
		s = &Schema{compiled}
		p.parts[part] = s
	}
	return s.Check(text)
}

func compile(t testing.TB, document []byte, fragment string, closed bool) *Schema {
	t.Helper()
	compiled, err := load(t, document, closed).Compile(name + fragment)
	require.NoError(t, err)
	return &Schema{compiled}
}

func load(t testing.TB, document []byte, closed bool) *jsonschema.Compiler {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err)
	if root, ok := parsed.(map[string]any); ok {
		delete(root, "$id")
	}
	if closed {
		closeObjects(parsed)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource(name, parsed))
	return compiler
}

// closeObjects shuts every object that lists its properties by itself.
func closeObjects(node any) {
	switch of := node.(type) {
	case map[string]any:
		for value := range maps.Values(of) {
			closeObjects(value)
		}
		if _, ok := of["properties"]; ok && of["type"] == "object" {
			of["additionalProperties"] = false
		}
	case []any:
		for _, value := range of {
			closeObjects(value)
		}
	}
}

// Check gives what is wrong with a JSON text.
func (s *Schema) Check(text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	if err = s.compiled.Validate(value); err != nil {
		return fmt.Errorf("by the schema: %w", err)
	}
	return nil
}
