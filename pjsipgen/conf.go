package pjsipgen

import (
	"maps"
	"slices"
	"strings"
)

// section is one section of a generated file, with what its templates say.
type section struct {
	name     string
	template bool
	options  []option
}

type option struct{ key, value string }

func (s section) get(key string) string {
	for _, o := range s.options {
		if o.key == key {
			return o.value
		}
	}
	return ""
}

// parseConf reads what the templates write, not everything that Asterisk would read.
func parseConf(text []byte) []section {
	var sections []section
	templates := map[string][]option{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == ';':
		case line[0] == '[':
			name, bases, _ := strings.Cut(line[1:], "]")
			s := section{name: name}
			for base := range strings.SplitSeq(strings.Trim(bases, "()"), ",") {
				s.template = s.template || base == "!"
				s.options = append(s.options, templates[base]...)
			}
			if s.template {
				templates[name] = s.options // it may have none of its own
			}
			sections = append(sections, s)
		case len(sections) > 0:
			key, value, _ := strings.Cut(line, "=")
			last := &sections[len(sections)-1]
			last.options = append(last.options, option{strings.TrimSpace(key), strings.TrimSpace(strings.TrimPrefix(value, ">"))})
			if last.template {
				templates[last.name] = last.options
			}
		}
	}
	return slices.DeleteFunc(sections, func(s section) bool { return s.template })
}

// sipSections gives the sections of pjsip.conf of one kind.
func sipSections(files FileSet, kind string) map[string]section {
	found := map[string]section{}
	for _, s := range parseConf(files["pjsip.conf"].Data) {
		if s.get("type") == kind {
			found[s.name] = s
		}
	}
	return found
}

// EndpointNames are the SIP endpoints that the files define, sorted.
func (f FileSet) EndpointNames() []string {
	return slices.Sorted(maps.Keys(sipSections(f, "endpoint")))
}

// effective leaves out what Asterisk doesn't read.
func effective(data []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && trimmed[0] != ';' {
			out.WriteString(trimmed + "\n")
		}
	}
	return out.String()
}
