package main

import (
	"fmt"
	"strings"

	"sidecar/internal/tools/arispec"
)

// events writes the types that travel over the event socket, and the table that
// finds them by name.
func (g *generator) events() error {
	var types, kinds, table strings.Builder
	kinds.WriteString("// Types of events that Asterisk sends.\nconst (\n")
	table.WriteString("// newEvent returns an empty event of the named type, nil for a type unknown here.\n" +
		"//nolint:funlen // a flat table, generated\nfunc newEvent(t EventType) decodable {\n\tswitch t {\n")
	for _, name := range g.inv.Events {
		m, ok := g.model(name)
		if !ok {
			return fmt.Errorf("%w: event %s has no model", arispec.ErrDescription, name)
		}
		fmt.Fprintf(&kinds, "\tEventType%s EventType = %q\n", name, name)
		fmt.Fprintf(&table, "\tcase EventType%s:\n\t\treturn new(%s)\n", name, name)
		fmt.Fprintf(&types, "// %s is the event of that name.\ntype %s struct {\n\tHeader\n", name, name)
		g.fields(&types, m)
		types.WriteString("}\n\n")
		fmt.Fprintf(&types, "// Type returns EventType%s.\nfunc (*%s) Type() EventType { return EventType%s }\n\n", name, name, name)
		g.accessor(&types, m, "Channels", "Channel")
		g.accessor(&types, m, "Bridges", "Bridge")
		g.enums(&types, m)
	}
	kinds.WriteString(")\n\n")
	table.WriteString("\t}\n\treturn nil\n}\n")
	if err := g.file("eventtypes", kinds.String()+table.String()); err != nil {
		return err
	}
	return g.file("events", types.String())
}

// accessor writes a method that lists the channels (or bridges) an event speaks
// of, also those inside ReferTo and ReferredBy, so that a receiver can route it
// without a switch over every type.
func (g *generator) accessor(b *strings.Builder, m arispec.Model, method, model string) {
	var required, optional []string
	var walk func(m arispec.Model, path string)
	walk = func(m arispec.Model, path string) {
		for _, f := range m.Fields {
			field := path + "." + exported(f.Name)
			switch {
			case f.Type == model && f.Required:
				required = append(required, "&"+field)
			case f.Type == model:
				optional = append(optional, field)
			case f.Required:
				if inner, ok := g.model(f.Type); ok && inner.Resource == "events" {
					walk(inner, field)
				}
			}
		}
	}
	walk(m, "e")
	if len(required)+len(optional) == 0 {
		return
	}
	data := renamed(model)
	fmt.Fprintf(b, "// %s returns what the event says of %ss.\nfunc (e *%s) %s() []*%s {\n",
		method, strings.ToLower(model), m.Name, method, data)
	if len(optional) == 0 {
		fmt.Fprintf(b, "\treturn []*%s{%s}\n}\n\n", data, strings.Join(required, ", "))
		return
	}
	fmt.Fprintf(b, "\treturn present(%s)\n}\n\n", strings.Join(append(required, optional...), ", "))
}
