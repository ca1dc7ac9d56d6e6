package arispec

import (
	"fmt"
	"slices"
	"strings"
)

// Major returns the part of a version before its first dot.
func Major(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

// Verify checks that code made from inv works with the interface installed
// describes: the same major version, and nothing that inv names is missing or of
// another type. Additions are fine. The error lists every difference.
func (inv *Inventory) Verify(installed *Inventory) error {
	if Major(inv.Version) != Major(installed.Version) {
		return fmt.Errorf("%w: installed is %s, the code is made for %s",
			ErrMajorVersion, installed.Version, Major(inv.Version))
	}
	diffs := slices.Concat(inv.missingOps(installed), inv.missingModels(installed))
	if len(diffs) > 0 {
		return fmt.Errorf("%w (%s against %s):\n  %s",
			ErrNotSuperset, installed.Version, inv.Version, strings.Join(diffs, "\n  "))
	}
	return nil
}

func (inv *Inventory) missingOps(installed *Inventory) []string {
	have := map[string]Operation{}
	for _, r := range installed.Resources {
		for _, op := range r.Operations {
			have[op.Method+" "+op.Path] = op
		}
	}
	var diffs []string
	for _, r := range inv.Resources {
		for _, op := range r.Operations {
			key := op.Method + " " + op.Path
			other, ok := have[key]
			switch {
			case !ok:
				diffs = append(diffs, "operation "+key+" is gone")
			case other.Returns != op.Returns:
				diffs = append(diffs, fmt.Sprintf("operation %s returns %s, not %s", key, other.Returns, op.Returns))
			default:
				diffs = append(diffs, diffParams(key, op.Params, other.Params)...)
			}
		}
	}
	return diffs
}

func diffParams(key string, want, have []Param) []string {
	var diffs []string
	for _, p := range want {
		i := slices.IndexFunc(have, func(o Param) bool { return o.Name == p.Name && o.In == p.In })
		if i < 0 {
			diffs = append(diffs, fmt.Sprintf("%s parameter %s of %s is gone", p.In, p.Name, key))
			continue
		}
		if have[i].Type != p.Type || have[i].Multiple != p.Multiple {
			diffs = append(diffs, fmt.Sprintf("parameter %s of %s is %s, not %s", p.Name, key, have[i].Type, p.Type))
		}
		if lost := missing(p.Values, have[i].Values); have[i].Values != nil && lost != nil {
			diffs = append(diffs, fmt.Sprintf("parameter %s of %s no longer takes %s", p.Name, key, strings.Join(lost, ", ")))
		}
	}
	for _, o := range have {
		known := slices.ContainsFunc(want, func(p Param) bool { return p.Name == o.Name && p.In == o.In })
		if o.Required && !known {
			diffs = append(diffs, fmt.Sprintf("%s has a new required parameter %s", key, o.Name))
		}
	}
	return diffs
}

func (inv *Inventory) missingModels(installed *Inventory) []string {
	have := map[string]Model{}
	for _, m := range installed.Models {
		have[m.Name] = m
	}
	var diffs []string
	for _, m := range inv.Models {
		other, ok := have[m.Name]
		if !ok {
			diffs = append(diffs, "model "+m.Name+" is gone")
			continue
		}
		for _, f := range m.Fields {
			i := slices.IndexFunc(other.Fields, func(o Field) bool { return o.Name == f.Name })
			switch {
			case i < 0:
				diffs = append(diffs, fmt.Sprintf("field %s of %s is gone", f.Name, m.Name))
			case other.Fields[i].Type != f.Type:
				diffs = append(diffs, fmt.Sprintf("field %s of %s is %s, not %s", f.Name, m.Name, other.Fields[i].Type, f.Type))
			case f.Required && !other.Fields[i].Required:
				diffs = append(diffs, fmt.Sprintf("field %s of %s is no longer always there", f.Name, m.Name))
			}
		}
	}
	for _, e := range missing(inv.Events, installed.Events) {
		diffs = append(diffs, "event "+e+" is gone")
	}
	return diffs
}

// missing returns the members of want that have lacks.
func missing(want, have []string) []string {
	var out []string
	for _, w := range want {
		if !slices.Contains(have, w) {
			out = append(out, w)
		}
	}
	return out
}
