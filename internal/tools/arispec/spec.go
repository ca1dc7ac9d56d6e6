package arispec

import (
	"bytes"
	_ "embed" // for the committed inventory
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed inventory.json
var committed []byte

// Where a parameter travels.
const (
	InPath  = "path"
	InQuery = "query"
	InBody  = "body"
)

// Inventory is the whole interface: names and types only.
type Inventory struct {
	// Version of the Asterisk the inventory was taken from, as 22.10.1.
	Version   string     `json:"version"`
	Resources []Resource `json:"resources"`
	Models    []Model    `json:"models"`
	// Events are the names of those models that travel over the event socket.
	Events []string `json:"events"`
}

// Resource is one file of the description, as channels.
type Resource struct {
	Name       string      `json:"name"`
	Operations []Operation `json:"operations"`
}

// Operation is one method on one path.
type Operation struct {
	Name      string  `json:"name"`
	Method    string  `json:"method"`
	Path      string  `json:"path"`
	Returns   string  `json:"returns"`
	Websocket bool    `json:"websocket,omitempty"`
	Params    []Param `json:"params,omitempty"`
}

// Param is one parameter of an operation.
type Param struct {
	Name     string   `json:"name"`
	In       string   `json:"in"`
	Type     string   `json:"type"`
	Required bool     `json:"required,omitempty"`
	Multiple bool     `json:"multiple,omitempty"`
	Default  string   `json:"default,omitempty"`
	Values   []string `json:"values,omitempty"`
}

// Model is one JSON object type. Resource is the file that declares it.
type Model struct {
	Name     string  `json:"name"`
	Resource string  `json:"resource"`
	Fields   []Field `json:"fields,omitempty"`
}

// Field is one member of a model.
type Field struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Required bool     `json:"required,omitempty"`
	Values   []string `json:"values,omitempty"`
}

// Committed returns the inventory that the repository's generated code is made
// from.
func Committed() (*Inventory, error) { return Parse(committed) }

// Parse reads an inventory in the form Marshal writes.
func Parse(raw []byte) (*Inventory, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var inv Inventory
	if err := dec.Decode(&inv); err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return &inv, nil
}

// Marshal writes the inventory so that equal inventories are equal bytes.
func (inv *Inventory) Marshal() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(inv); err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return buf.Bytes(), nil
}

// IsEvent says whether the model called name travels over the event socket.
func (inv *Inventory) IsEvent(name string) bool { return slices.Contains(inv.Events, name) }

// Match finds the operation that a request line addresses. The path is the
// escaped one, without query and without the /ari prefix.
func (inv *Inventory) Match(method, path string) (Operation, bool) {
	segs := strings.Split(strings.Trim(path, "/"), "/")
	best, bestLiterals := Operation{}, -1
	for _, r := range inv.Resources {
		for _, op := range r.Operations {
			if op.Method != method {
				continue
			}
			if n, ok := matchPath(op.Path, segs); ok && n > bestLiterals {
				best, bestLiterals = op, n
			}
		}
	}
	return best, bestLiterals >= 0
}

// matchPath counts the literal segments in common, because
// /channels/externalMedia must win over /channels/{channelId}.
func matchPath(pattern string, segs []string) (literals int, ok bool) {
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	if len(want) != len(segs) {
		return 0, false
	}
	for i, w := range want {
		switch {
		case strings.HasPrefix(w, "{"):
			if segs[i] == "" {
				return 0, false
			}
		case w == segs[i]:
			literals++
		default:
			return 0, false
		}
	}
	return literals, true
}
