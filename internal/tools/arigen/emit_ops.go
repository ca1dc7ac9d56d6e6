package main

import (
	"fmt"
	"strings"

	"sidecar/internal/tools/arispec"
)

// operations writes, per resource, the service type with a method for each
// operation, and the parameter types.
func (g *generator) operations() error {
	for _, r := range g.inv.Resources {
		name, _ := service(r.Name)
		var ops, params strings.Builder
		fmt.Fprintf(&ops, "// %s carries the operations of resource %s.\ntype %s struct{ c *Client }\n\n", name, r.Name, name)
		fmt.Fprintf(&ops, "// %s gives access to resource %s.\nfunc (c *Client) %s() %s { return %s{c} }\n\n", name, r.Name, name, name, name)
		for _, op := range r.Operations {
			if op.Websocket {
				// The event socket is the client's own business.
				continue
			}
			s := signature(r.Name, op)
			s.method(&ops, r.Name, name)
			s.paramsType(&params, r.Name)
		}
		if err := g.file(fileName("ops", r.Name), ops.String()); err != nil {
			return err
		}
		if params.Len() == 0 {
			continue
		}
		if err := g.file(fileName("params", r.Name), params.String()); err != nil {
			return err
		}
	}
	return nil
}

// sig is the Go shape of one operation.
type sig struct {
	op     arispec.Operation
	name   string
	path   []arispec.Param // in the order of the path
	rest   []arispec.Param // query and body
	params string          // name of the type that holds rest, or empty
	result string          // Go type, or empty
}

func signature(resource string, op arispec.Operation) sig {
	_, singular := service(resource)
	s := sig{op: op, name: exported(op.Name)}
	byName := map[string]arispec.Param{}
	for _, p := range op.Params {
		if p.In == arispec.InPath {
			byName[p.Name] = p
			continue
		}
		s.rest = append(s.rest, p)
	}
	for seg := range strings.SplitSeq(op.Path, "/") {
		if m := pathParam.FindStringSubmatch(seg); m != nil {
			s.path = append(s.path, byName[m[1]])
		}
	}
	if len(s.rest) > 0 {
		s.params = singular + s.name + "Params"
	}
	switch elem, list := unlisted(op.Returns); {
	case elem == "void":
	case elem == "binary":
		s.result = "[]byte"
	case list:
		s.result = "[]" + renamed(elem)
	default:
		s.result = renamed(elem)
	}
	return s
}

// arguments returns the Go parameters after ctx, without those named in skip.
func (s sig) arguments(resource, skip string) (decl, use []string) {
	for _, p := range s.path {
		if p.Name == skip {
			continue
		}
		t := paramType(resource, s.op.Name, p.Name)
		if t == "" {
			t = "string"
		}
		decl = append(decl, variable(p.Name)+" "+t)
		use = append(use, variable(p.Name))
	}
	if s.params != "" {
		decl = append(decl, "params "+s.params)
		use = append(use, "params")
	}
	return decl, use
}

func (s sig) results() string {
	if s.result == "" {
		return "error"
	}
	return "(" + s.result + ", error)"
}

func (s sig) method(b *strings.Builder, resource, service string) {
	decl, _ := s.arguments(resource, "")
	fmt.Fprintf(b, "// %s performs %s %s.\n", s.name, s.op.Method, s.op.Path)
	fmt.Fprintf(b, "func (s %s) %s(%s) %s {\n", service, s.name,
		strings.Join(append([]string{"ctx context.Context"}, decl...), ", "), s.results())
	var segs []string
	for seg := range strings.SplitSeq(strings.Trim(s.op.Path, "/"), "/") {
		if m := pathParam.FindStringSubmatch(seg); m != nil {
			segs = append(segs, "string("+variable(m[1])+")")
			if paramType(resource, s.op.Name, m[1]) == "" {
				segs[len(segs)-1] = variable(m[1])
			}
			continue
		}
		segs = append(segs, fmt.Sprintf("%q", seg))
	}
	fmt.Fprintf(b, "\tr := newRequest(%q, %s, %s)\n", resource+"."+s.op.Name, methodConst(s.op.Method), strings.Join(segs, ", "))
	if s.params != "" {
		b.WriteString("\tparams.put(r)\n")
	}
	switch s.result {
	case "":
		b.WriteString("\treturn s.c.do(ctx, r)\n}\n\n")
	case "[]byte":
		b.WriteString("\treturn s.c.download(ctx, r)\n}\n\n")
	default:
		fmt.Fprintf(b, "\treturn call[%s](ctx, s.c, r)\n}\n\n", s.result)
	}
}

func methodConst(m string) string {
	return "http.Method" + strings.ToUpper(m[:1]) + strings.ToLower(m[1:])
}

func (s sig) paramsType(b *strings.Builder, resource string) {
	if s.params == "" {
		return
	}
	var put strings.Builder
	fmt.Fprintf(b, "// %s are the parameters of %s %s.\ntype %s struct {\n", s.params, s.op.Method, s.op.Path, s.params)
	for _, p := range s.rest {
		field, stmt, comment := member(resource, s.op.Name, p)
		if comment != "" {
			fmt.Fprintf(b, "\t// %s\n", comment)
		}
		fmt.Fprintf(b, "\t%s\n", field)
		fmt.Fprintf(&put, "\t%s\n", stmt)
	}
	fmt.Fprintf(b, "}\n\nfunc (p %s) put(r *request) {\n%s}\n\n", s.params, put.String())
}
