package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const envPrefix = "SIDECAR_"

// EnvConfigFile names the configuration file where no --config is given.
const EnvConfigFile = "SIDECAR_CONFIG"

// toolVariables are the variables that carry no setting: the name of the file, the directories of the scripts,
// and what docker-compose.yml makes settings and mounts of.
func toolVariables() []string {
	return []string{
		EnvConfigFile, "SIDECAR_CACHE", "SIDECAR_VAR", "SIDECAR_APT_ETC",
		"SIDECAR_HOST_ADDRESS", "SIDECAR_EXTERNAL_ADDRESS", "SIDECAR_TLS_DIR",
	}
}

// environment lays the SIDECAR_ variables over the configuration. A variable's name is the path of its setting in
// upper case, with _ between the parts: SIDECAR_HTTP_LISTEN, SIDECAR_ASTERISK_0_PASSWORD. An empty variable counts as
// not set, because compose files pass unset variables that way.
func (l *loader) environment(env []string) error {
	cfg, err := l.current()
	if err != nil {
		return err
	}
	root := reflect.ValueOf(cfg).Elem()
	var given []string
	for _, entry := range slices.SortedFunc(slices.Values(env), compareNumbered) {
		name, text, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || text == "" || slices.Contains(toolVariables(), name) {
			continue
		}
		set := assign(root, rest, "", text)
		switch {
		case !set.found:
			l.problems = append(l.problems, Problem{
				Key: name, Rule: "unknown key", Near: nearest(name, envNames(root)), Source: "environment",
			})
		case set.err != nil:
			l.problems = append(l.problems, Problem{Key: set.path, Value: set.shown, Rule: set.err.Error(), Source: name})
		default:
			l.sources.set(set.path, Origin{Layer: LayerEnvironment, Name: name})
			given = append(given, set.path)
		}
	}
	flatten(root, "", func(path string, value any) {
		if slices.ContainsFunc(given, func(g string) bool { return lies(g, path) }) {
			l.v.Set(path, value)
		}
	})
	return nil
}

// lies reports whether path is outer, or a setting inside of it.
func lies(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// assignment is what became of one variable.
type assignment struct {
	found bool // the name leads to a setting
	path  string
	shown string // the value as an error may print it
	err   error
}

// assign follows the name of a variable down to its setting and sets it. Names of settings hold underscores
// themselves (node, node_id), so every way of cutting the name is tried; nothing is changed on a way that ends nowhere.
func assign(v reflect.Value, rest, path, text string) assignment {
	switch {
	case isSection(v.Type()):
		return assignField(v, rest, path, text)
	case v.Kind() == reflect.Slice:
		return assignElement(v, rest, path, text)
	case v.Kind() == reflect.Map:
		return assignEntry(v, rest, path, text)
	case rest != "":
		return assignment{}
	default:
		return assignment{found: true, path: path, shown: shown(v.Type(), text), err: setText(v, text)}
	}
}

func assignField(v reflect.Value, rest, path, text string) assignment {
	for _, f := range fieldsOf(v.Type()) {
		inner, ok := cutName(rest, strings.ToUpper(f.name))
		if !ok {
			continue
		}
		if a := assign(v.FieldByIndex(f.index), inner, join(path, f.name), text); a.found {
			return a
		}
	}
	return assignment{}
}

// assignElement sets an element of a list, the next new one included; a list of texts may also be given whole, with
// commas between.
func assignElement(v reflect.Value, rest, path, text string) assignment {
	if rest == "" {
		if v.Type().Elem().Kind() != reflect.String {
			return assignment{}
		}
		list := reflect.MakeSlice(v.Type(), 0, 1)
		for part := range strings.SplitSeq(text, ",") {
			list = reflect.Append(list, reflect.ValueOf(strings.TrimSpace(part)).Convert(v.Type().Elem()))
		}
		v.Set(list)
		return assignment{found: true, path: path}
	}
	number, inner, _ := strings.Cut(rest, "_")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i > v.Len() {
		return assignment{}
	}
	element := startValue(v.Type().Elem())
	if i < v.Len() {
		element.Set(v.Index(i))
	}
	a := assign(element, inner, indexed(path, i), text)
	switch {
	case !a.found || a.err != nil:
	case i < v.Len():
		v.Index(i).Set(element)
	default:
		v.Set(reflect.Append(v, element))
	}
	return a
}

// assignEntry sets an entry of a named map. Variables have no lower case: the name of an entry that is there is
// found in any case, the name of a new one becomes lower case.
func assignEntry(v reflect.Value, rest, path, text string) assignment {
	for _, key := range v.MapKeys() {
		inner, ok := cutName(rest, envName(key.String()))
		if !ok {
			continue
		}
		if a := assignNamed(v, key.String(), inner, path, text); a.found {
			return a
		}
	}
	for cut := len(rest); cut > 0; cut-- {
		if cut < len(rest) && rest[cut] != '_' {
			continue
		}
		inner := strings.TrimPrefix(rest[cut:], "_")
		if a := assignNamed(v, strings.ToLower(rest[:cut]), inner, path, text); a.found {
			return a
		}
	}
	return assignment{}
}

func assignNamed(v reflect.Value, name, rest, path, text string) assignment {
	key := reflect.ValueOf(name)
	entry := startValue(v.Type().Elem())
	if old := v.MapIndex(key); old.IsValid() {
		entry.Set(old)
	}
	a := assign(entry, rest, join(path, name), text)
	if a.found && a.err == nil {
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(key, entry)
	}
	return a
}

// cutName takes one part off the front of a variable's name.
func cutName(rest, part string) (string, bool) {
	after, ok := strings.CutPrefix(rest, part)
	if !ok || after == "" {
		return "", ok
	}
	return strings.CutPrefix(after, "_")
}

// envName writes a path, or a part of one, as it stands in the name of a variable.
func envName(path string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "", "-", "_").Replace(path))
}

func envNames(root reflect.Value) []string {
	var names []string
	walk(root, "", func(path string, _ reflect.Value) { names = append(names, envPrefix+envName(path)) })
	return names
}

// walk visits every single value of a configuration, list elements and entries of named maps included.
func walk(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch {
	case isSection(v.Type()):
		for _, f := range fieldsOf(v.Type()) {
			walk(v.FieldByIndex(f.index), join(path, f.name), visit)
		}
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()):
		for i := range v.Len() {
			walk(v.Index(i), indexed(path, i), visit)
		}
	case v.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, key := range keys {
			walk(v.MapIndex(key), join(path, fmt.Sprint(key)), visit)
		}
	default:
		visit(path, v)
	}
}

// compareNumbered sorts variables so that the elements of a list come in the order of their numbers.
func compareNumbered(a, b string) int {
	x, y := strings.Split(a, "_"), strings.Split(b, "_")
	return slices.CompareFunc(x, y, func(p, q string) int {
		m, errP := strconv.Atoi(p)
		n, errQ := strconv.Atoi(q)
		if errP == nil && errQ == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(p, q)
	})
}

// FileFromEnv gives the configuration file that SIDECAR_CONFIG names, or nothing.
func FileFromEnv(env []string) string {
	for _, entry := range slices.Backward(env) {
		if path, ok := strings.CutPrefix(entry, EnvConfigFile+"="); ok {
			return path
		}
	}
	return ""
}
