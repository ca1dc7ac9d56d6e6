package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// reader turns the nodes of a YAML file into typed values, so that each problem can name its line.
type reader struct {
	name     string // of the file
	layer    Layer
	sources  *Sources
	problems []Problem
	firstDN  int // number of the first entry of dns, when they follow those of another file
}

// document gives the top mapping of a YAML text, nil when the text is empty.
func document(name string, text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // an empty file is valid: it changes nothing
		}
		return nil, fmt.Errorf("%s: not valid YAML: %w", name, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w: one document is expected, a second one follows after ---", name, ErrInvalid)
	}
	if len(doc.Content) == 0 {
		return nil, nil //nolint:nilnil // as above
	}
	return doc.Content[0], nil
}

// section reads a mapping into a struct.
func (r *reader) section(node *yaml.Node, path string, dst reflect.Value) {
	r.pairs(node, path, func(key, value *yaml.Node) {
		full := join(path, key.Value)
		f, ok := fieldNamed(dst.Type(), key.Value)
		if !ok {
			p := Problem{Key: full, Rule: "unknown key", Source: r.at(key)}
			if near := nearest(key.Value, fieldNames(dst.Type())); near != "" {
				p.Near = join(path, near)
			}
			r.problems = append(r.problems, p)
			return
		}
		if isNull(value) {
			return
		}
		r.value(value, full, dst.FieldByIndex(f.index))
	})
}

// pairs walks a mapping and refuses a key that is written twice.
func (r *reader) pairs(node *yaml.Node, path string, visit func(key, value *yaml.Node)) {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		r.problem(node, path, "", "settings are expected here, each as key: value")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolve(node.Content[i+1])
		if line, twice := seen[key.Value]; twice {
			r.problem(key, join(path, key.Value), "", fmt.Sprintf("written twice, first in line %d", line))
			continue
		}
		seen[key.Value] = key.Line
		visit(key, value)
	}
}

func (r *reader) value(node *yaml.Node, path string, dst reflect.Value) {
	r.sources.set(path, Origin{Layer: r.layer, Name: r.at(node)})
	switch {
	case isSection(dst.Type()):
		r.section(node, path, dst)
	case dst.Kind() == reflect.Slice:
		r.list(node, path, dst)
	case dst.Kind() == reflect.Map:
		r.named(node, path, dst)
	case node.Kind != yaml.ScalarNode:
		r.problem(node, path, "", "a single value is expected here, not a list or a section")
	default:
		if err := setText(dst, node.Value); err != nil {
			r.problem(node, path, shown(dst.Type(), node.Value), err.Error())
		}
	}
}

// list replaces the default's list: a file that names one trunk wants one trunk.
func (r *reader) list(node *yaml.Node, path string, dst reflect.Value) {
	if node.Kind != yaml.SequenceNode {
		r.problem(node, path, shown(dst.Type().Elem(), node.Value), "a list is expected here: write each entry as - entry, or [one, two]")
		return
	}
	dst.Set(reflect.MakeSlice(dst.Type(), 0, len(node.Content)))
	first := 0
	if path == "dns" {
		first = r.firstDN
	}
	for n, item := range node.Content {
		i := first + n
		element := startValue(dst.Type().Elem())
		item = resolve(item)
		if isNull(item) {
			r.problem(item, indexed(path, i), "", "an entry of a list can't be empty")
			continue
		}
		r.value(item, indexed(path, i), element)
		dst.Set(reflect.Append(dst, element))
	}
}

// named adds entries to those of the default; an entry of the same name is replaced as a whole.
func (r *reader) named(node *yaml.Node, path string, dst reflect.Value) {
	merged := reflect.MakeMap(dst.Type())
	for _, key := range dst.MapKeys() {
		merged.SetMapIndex(key, dst.MapIndex(key))
	}
	r.pairs(node, path, func(key, value *yaml.Node) {
		entry := startValue(dst.Type().Elem())
		if !isNull(value) {
			r.value(value, join(path, key.Value), entry)
		}
		merged.SetMapIndex(reflect.ValueOf(key.Value), entry)
	})
	dst.Set(merged)
}

func (r *reader) problem(node *yaml.Node, path, value, rule string) {
	r.problems = append(r.problems, Problem{Key: path, Value: value, Rule: rule, Source: r.at(node)})
}

func (r *reader) at(node *yaml.Node) string { return fmt.Sprintf("%s:%d", r.name, node.Line) }

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// shown is a value as an error may print it.
func shown(t reflect.Type, text string) string {
	if isSecret(t) {
		return Secret(text).String()
	}
	return text
}
