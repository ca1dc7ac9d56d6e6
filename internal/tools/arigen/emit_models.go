package main

import (
	"fmt"
	"slices"
	"strings"

	"sidecar/internal/tools/arispec"
)

// models writes one file of plain data types per resource.
func (g *generator) models() error {
	byResource := map[string]*strings.Builder{}
	for _, m := range g.inv.Models {
		if m.Name == "Message" || m.Name == "Event" || g.inv.IsEvent(m.Name) {
			continue
		}
		b := byResource[m.Resource]
		if b == nil {
			b = &strings.Builder{}
			byResource[m.Resource] = b
		}
		name := renamed(m.Name)
		fmt.Fprintf(b, "// %s is the model %s of resource %s.\ntype %s struct {\n", name, m.Name, m.Resource, name)
		g.fields(b, m)
		b.WriteString("}\n\n")
		g.enums(b, m)
	}
	for resource, b := range byResource {
		if err := g.file(fileName("models", resource), b.String()); err != nil {
			return err
		}
	}
	return nil
}

// fields writes struct members in a fixed order: what always comes, then what
// may be absent.
func (g *generator) fields(b *strings.Builder, m arispec.Model) {
	sorted := slices.Clone(m.Fields)
	slices.SortStableFunc(sorted, func(a, c arispec.Field) int {
		switch {
		case a.Required == c.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	for _, f := range sorted {
		tag := f.Name
		if !f.Required {
			tag += ",omitempty"
		}
		fmt.Fprintf(b, "\t%s %s `json:\"%s\"`\n", exported(f.Name), g.goType(m.Name, f), tag)
	}
}

func (g *generator) enums(b *strings.Builder, m arispec.Model) {
	for _, f := range m.Fields {
		if len(f.Values) == 0 || fieldType(m.Name, f.Name) != "" {
			continue
		}
		name := enumName(m.Name, f.Name)
		fmt.Fprintf(b, "// %s is a value of %s.%s.\ntype %s string\n\n", name, m.Name, f.Name, name)
		fmt.Fprintf(b, "// Values of %s.\nconst (\n", name)
		for _, v := range f.Values {
			fmt.Fprintf(b, "\t%s%s %s = %q\n", name, exported(v), name, v)
		}
		b.WriteString(")\n\n")
	}
}
