package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// encoding says how settings are written as YAML.
type encoding struct {
	reveal   bool                     // write secrets as they are
	omitZero bool                     // leave out what is not set
	comment  func(path string) string // goes behind each single value; nil: none
}

// encode writes a value of the configuration as the YAML that would be read as the same value.
func encode(v reflect.Value, e encoding) *yaml.Node { return e.node(v, "") }

func (e encoding) node(v reflect.Value, path string) *yaml.Node {
	switch {
	case isSection(v.Type()):
		return e.section(v, path)
	case v.Kind() == reflect.Slice:
		return e.list(v, path)
	case v.Kind() == reflect.Map:
		return e.named(v, path)
	default:
		node := e.scalar(v)
		e.remark(node, path)
		return node
	}
}

func (e encoding) section(v reflect.Value, path string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fieldsOf(v.Type()) {
		inner := v.FieldByIndex(f.index)
		if e.omitZero && isEmpty(inner) {
			continue
		}
		node.Content = append(node.Content, text(f.name), e.node(inner, join(path, f.name)))
	}
	return node
}

func (e encoding) list(v reflect.Value, path string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	if v.Len() == 0 || !isSection(v.Type().Elem()) {
		node.Style = yaml.FlowStyle
		e.remark(node, path)
		e.comment = nil
	}
	for i := range v.Len() {
		node.Content = append(node.Content, e.node(v.Index(i), indexed(path, i)))
	}
	return node
}

func (e encoding) named(v reflect.Value, path string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	if v.Len() == 0 {
		node.Style = yaml.FlowStyle
		e.remark(node, path)
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	for _, key := range keys {
		node.Content = append(node.Content, text(key.String()), e.node(v.MapIndex(key), join(path, key.String())))
	}
	return node
}

func (e encoding) scalar(v reflect.Value) *yaml.Node {
	switch value := v.Interface().(type) {
	case Secret:
		if e.reveal {
			return text(value.Reveal())
		}
		return text(value.String())
	case time.Duration:
		return text(value.String())
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(value)}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(value)}
	default:
		return text(fmt.Sprint(value))
	}
}

func (e encoding) remark(node *yaml.Node, path string) {
	if e.comment != nil {
		node.LineComment = e.comment(path)
	}
}

// text lets the YAML encoder quote what would read as something else than a text.
func text(s string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(s)
	return node
}

func isEmpty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

// YAML writes the configuration in the form of its file, with secrets masked. A non-nil remark gives the comment
// behind the setting of each path.
func (c *Config) YAML(remark func(path string) string) ([]byte, error) {
	out, err := yaml.Marshal(encode(reflect.ValueOf(*c), encoding{comment: remark}))
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return out, nil
}
