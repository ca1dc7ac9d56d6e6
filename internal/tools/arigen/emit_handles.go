package main

import (
	"fmt"
	"strings"
)

// handles writes types bound to one object, with the operations on it.
func (g *generator) handles() error {
	for _, h := range handles() {
		var b strings.Builder
		name := h.name + "Handle"
		svc, _ := service(h.resource)
		fmt.Fprintf(&b, "// %s acts on one %s of one server. It holds no state of it.\ntype %s struct {\n\tc *Client\n\tid %s\n}\n\n",
			name, h.key, name, h.idType)
		fmt.Fprintf(&b, "// %s returns a handle without asking whether the object exists.\nfunc (c *Client) %s(id %s) *%s { return &%s{c, id} }\n\n",
			h.name, h.name, h.idType, name, name)
		fmt.Fprintf(&b, "// ID names the object on its server.\nfunc (h *%s) ID() %s { return h.id }\n\n", name, h.idType)
		fmt.Fprintf(&b, "// Key names the object among all servers.\nfunc (h *%s) Key() Key[%s] { return Key[%s]{h.c.Server(), h.id} }\n\n", name, h.idType, h.idType)
		for _, r := range g.inv.Resources {
			if r.Name != h.resource {
				continue
			}
			for _, op := range r.Operations {
				if op.Path != h.path && !strings.HasPrefix(op.Path, h.path+"/") {
					continue
				}
				s := signature(r.Name, op)
				decl, use := s.arguments(r.Name, h.param)
				fmt.Fprintf(&b, "// %s performs %s %s.\nfunc (h *%s) %s(%s) %s {\n\treturn h.c.%s().%s(%s)\n}\n\n",
					s.name, op.Method, op.Path, name, s.name,
					strings.Join(append([]string{"ctx context.Context"}, decl...), ", "), s.results(),
					svc, s.name, strings.Join(append([]string{"ctx", "h.id"}, use...), ", "))
			}
		}
		if err := g.file(fileName("handle", h.name), b.String()); err != nil {
			return err
		}
	}
	return nil
}
