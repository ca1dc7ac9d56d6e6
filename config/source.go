package config

import "strings"

// Layer is one of the places that settings come from; later ones win.
type Layer string

// The layers, in rising precedence.
const (
	LayerDefault     Layer = "default"
	LayerFile        Layer = "file"
	LayerEnvironment Layer = "environment"
	LayerManaged     Layer = "managed" // DNs kept by the dn subcommands
)

// Origin is where one value came from.
type Origin struct {
	Layer Layer
	Name  string // file:line, or the environment variable
}

// String names the origin for people.
func (o Origin) String() string {
	if o.Name == "" {
		return string(o.Layer)
	}
	return o.Name
}

// Sources tells where each value of a loaded configuration came from.
type Sources struct {
	origins map[string]Origin
}

// Of gives the origin of the setting with the given path, e.g. asterisk[0].password. A setting that nobody wrote
// has the origin of the default.
func (s *Sources) Of(path string) Origin {
	if origin, ok := s.origins[path]; ok {
		return origin
	}
	return Origin{Layer: LayerDefault}
}

// place gives the origin of a path or of what it lies in, for error messages.
func (s *Sources) place(path string) string {
	for path != "" {
		if origin, ok := s.origins[path]; ok {
			return origin.String()
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return ""
}

func (s *Sources) set(path string, origin Origin) { s.origins[path] = origin }
