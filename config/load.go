package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// Load reads the configuration: the defaults, over them the YAML file (none when path is empty), over that the
// SIDECAR_ variables of env (NAME=value, as os.Environ gives them), and at last the DNs that the dn subcommands keep
// in the data directory. The error is a *ValidationError that lists everything that is wrong, or says why a file
// can't be read.
func Load(path string, env []string) (*Config, *Sources, error) {
	l := &loader{v: viper.New(), sources: &Sources{origins: map[string]Origin{}}}
	flatten(reflect.ValueOf(Default()).Elem(), "", l.v.SetDefault)
	if err := l.file(path); err != nil {
		return nil, nil, err
	}
	if err := l.environment(env); err != nil {
		return nil, nil, err
	}
	cfg, err := l.current()
	if err != nil {
		return nil, nil, err
	}
	if err := l.managed(cfg); err != nil {
		return nil, nil, err
	}
	l.validate(cfg)
	if err := problemsError(l.problems); err != nil {
		return nil, nil, err
	}
	return cfg, l.sources, nil
}

// loader stacks the layers. Viper decides which layer wins; the values in it are already typed, and lists and named
// maps are opaque to it, because viper folds the case of the map keys that it sees.
type loader struct {
	v        *viper.Viper
	sources  *Sources
	problems []Problem
}

func (l *loader) file(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("configuration file %s is not there: name an existing one with --config, or leave it out for the defaults: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	node, err := document(filepath.Base(path), text)
	if err != nil || node == nil {
		return err
	}
	r := &reader{name: filepath.Base(path), layer: LayerFile, sources: l.sources}
	cfg := Default()
	r.section(node, "", reflect.ValueOf(cfg).Elem())
	l.problems = append(l.problems, r.problems...)
	if err := l.v.MergeConfigMap(l.only(cfg, LayerFile)); err != nil {
		return fmt.Errorf("merge %s: %w", path, err)
	}
	return nil
}

// only gives the values of one layer as the nested maps that viper merges.
func (l *loader) only(cfg *Config, layer Layer) map[string]any {
	nested := map[string]any{}
	flatten(reflect.ValueOf(cfg).Elem(), "", func(path string, value any) {
		if l.sources.Of(path).Layer != layer {
			return
		}
		m := nested
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			inner, ok := m[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
				m[name] = inner
			}
			m = inner
		}
		m[names[len(names)-1]] = value
	})
	return nested
}

func (l *loader) current() (*Config, error) {
	cfg := &Config{}
	strict := func(c *mapstructure.DecoderConfig) { c.ErrorUnused, c.WeaklyTypedInput = true, false }
	if err := l.v.Unmarshal(cfg, strict); err != nil {
		return nil, fmt.Errorf("merge the configuration: %w", err)
	}
	return cfg, nil
}

// validate adds the broken rules to what reading found; a key that could not be read is not judged a second time.
func (l *loader) validate(cfg *Config) {
	unread := map[string]bool{}
	for _, p := range l.problems {
		unread[p.Key] = true
	}
	for _, p := range cfg.check() {
		if unread[p.Key] {
			continue
		}
		p.Source = l.sources.place(p.Key)
		l.problems = append(l.problems, p)
	}
	l.names(cfg)
}

// names wants what tells sidecars apart to be written by hand when others may share the event log: all have the same defaults.
func (l *loader) names(cfg *Config) {
	if len(cfg.EventLog.Servers) == 0 {
		return
	}
	for _, s := range []struct{ key, value string }{{"node", cfg.Node}, {"node_id", strconv.Itoa(cfg.NodeID)}} {
		if l.sources.Of(s.key).Layer == LayerDefault {
			l.problems = append(l.problems, Problem{
				Key: s.key, Source: l.sources.place("event_log.servers"),
				Rule: fmt.Sprintf("must be written when event_log.servers are, another one for each sidecar that uses them, such as %s: %s for the first", s.key, s.value),
			})
		}
	}
}

// flatten visits each single value, list and named map of the sections.
func flatten(v reflect.Value, path string, visit func(path string, value any)) {
	for _, f := range fieldsOf(v.Type()) {
		inner, full := v.FieldByIndex(f.index), join(path, f.name)
		if isSection(f.typ) {
			flatten(inner, full, visit)
			continue
		}
		visit(full, inner.Interface())
	}
}
