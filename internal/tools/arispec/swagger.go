package arispec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The subset of Swagger 1.1 that Asterisk's description uses.
type (
	swaggerFile struct {
		APIs []struct {
			Path       string      `json:"path"`
			Operations []swaggerOp `json:"operations"`
		} `json:"apis"`
		Models map[string]swaggerModel `json:"models"`
	}
	swaggerOp struct {
		Method     string         `json:"httpMethod"`
		Nickname   string         `json:"nickname"`
		Returns    string         `json:"responseClass"`
		Upgrade    string         `json:"upgrade"`
		Parameters []swaggerParam `json:"parameters"`
	}
	swaggerParam struct {
		Name     string         `json:"name"`
		In       string         `json:"paramType"`
		Type     string         `json:"dataType"`
		Required bool           `json:"required"`
		Multiple bool           `json:"allowMultiple"`
		Default  any            `json:"defaultValue"`
		Allowed  *swaggerValues `json:"allowableValues"`
	}
	swaggerValues struct {
		Values []string `json:"values"`
	}
	swaggerModel struct {
		SubTypes   []string                   `json:"subTypes"`
		Properties map[string]swaggerProperty `json:"properties"`
	}
	swaggerProperty struct {
		Type     string         `json:"type"`
		Required bool           `json:"required"`
		Allowed  *swaggerValues `json:"allowableValues"`
	}
)

// FromDir reads the API description in dir (usr/share/asterisk/rest-api below
// an installation's root) of an Asterisk of the given version.
func FromDir(dir, version string) (*Inventory, error) {
	var index struct {
		APIs []struct {
			Path string `json:"path"`
		} `json:"apis"`
	}
	if err := readJSON(filepath.Join(dir, "resources.json"), &index); err != nil {
		return nil, err
	}
	inv := &Inventory{Version: version}
	for _, api := range index.APIs {
		name := strings.TrimSuffix(filepath.Base(api.Path), ".{format}")
		var f swaggerFile
		if err := readJSON(filepath.Join(dir, name+".json"), &f); err != nil {
			return nil, err
		}
		inv.add(name, &f)
	}
	if len(inv.Resources) == 0 || len(inv.Events) == 0 {
		return nil, fmt.Errorf("%w: %s names no resources or no events", ErrDescription, dir)
	}
	inv.sort()
	return inv, nil
}

func readJSON(path string, into any) error {
	raw, err := os.ReadFile(path) //nolint:gosec // the path is the developer's own argument
	if err != nil {
		return fmt.Errorf("API description: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDescription, path, err)
	}
	return nil
}

func (inv *Inventory) add(resource string, f *swaggerFile) {
	r := Resource{Name: resource}
	for _, api := range f.APIs {
		for _, op := range api.Operations {
			r.Operations = append(r.Operations, operation(api.Path, op))
		}
	}
	inv.Resources = append(inv.Resources, r)
	for name, m := range f.Models {
		model := Model{Name: name, Resource: resource}
		for field, p := range m.Properties {
			model.Fields = append(model.Fields, Field{Name: field, Type: p.Type, Required: p.Required, Values: p.Allowed.list()})
		}
		inv.Models = append(inv.Models, model)
		if name == "Event" {
			inv.Events = append(inv.Events, m.SubTypes...)
		}
	}
}

func operation(path string, op swaggerOp) Operation {
	out := Operation{
		Name: op.Nickname, Method: op.Method, Path: path,
		Returns: op.Returns, Websocket: op.Upgrade == "websocket",
	}
	for _, p := range op.Parameters {
		def := ""
		if p.Default != nil {
			def = fmt.Sprint(p.Default)
		}
		out.Params = append(out.Params, Param{
			Name: p.Name, In: p.In, Type: p.Type, Multiple: p.Multiple, Default: def, Values: p.Allowed.list(),
			// Some path parameters lack the mark although a path has no optional parts.
			Required: p.Required || p.In == InPath,
		})
	}
	return out
}

func (v *swaggerValues) list() []string {
	if v == nil {
		return nil
	}
	return v.Values
}

// sort puts everything whose order carries no meaning into one fixed order.
// Operations and parameters keep the description's.
func (inv *Inventory) sort() {
	slices.SortFunc(inv.Resources, func(a, b Resource) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(inv.Models, func(a, b Model) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Name, b.Name))
	})
	for _, m := range inv.Models {
		slices.SortFunc(m.Fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	}
	slices.Sort(inv.Events)
}
