package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// ManagedFile is the name, in the data directory, of the DNs that the dn subcommands keep.
const ManagedFile = "dns.yaml"

type managedDNs struct {
	DNs []DNGroup `mapstructure:"dns"`
}

// LoadManagedDNs reads the DNs that the dn subcommands keep in the data directory; none when there is no file.
func LoadManagedDNs(dataDir string) ([]DNGroup, error) {
	r := &reader{sources: &Sources{origins: map[string]Origin{}}}
	groups, err := r.managedFile(dataDir)
	if err != nil {
		return nil, err
	}
	return groups, problemsError(r.problems)
}

// SaveManagedDNs replaces the DNs that the dn subcommands keep. The file holds passwords: it is readable by its
// owner only, and it is replaced in one step.
func SaveManagedDNs(dataDir string, groups []DNGroup) error {
	node := encode(reflect.ValueOf(managedDNs{DNs: groups}), encoding{reveal: true, omitZero: true})
	node.HeadComment = "DNs added by 'sidecar dn'. They count in addition to those of the configuration file."
	text, err := yaml.Marshal(node)
	if err != nil {
		return fmt.Errorf("write %s: %w", ManagedFile, err)
	}
	if err := makePrivateDir(dataDir); err != nil {
		return err
	}
	return writePrivate(filepath.Join(dataDir, ManagedFile), text)
}

func (r *reader) managedFile(dataDir string) ([]DNGroup, error) {
	path := filepath.Join(dataDir, ManagedFile)
	text, err := os.ReadFile(path) //nolint:gosec // below the operator's data directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("DNs of the data directory: %w", err)
	}
	node, err := document(path, text)
	if err != nil || node == nil {
		return nil, err
	}
	r.name, r.layer = ManagedFile, LayerManaged
	var held managedDNs
	r.section(node, "", reflect.ValueOf(&held).Elem())
	return held.DNs, nil
}

// managed appends the DNs of the data directory; their paths go on counting after those of the file.
func (l *loader) managed(cfg *Config) error {
	own := l.sources.Of("dns")
	r := &reader{sources: l.sources, firstDN: len(cfg.DNs)}
	groups, err := r.managedFile(cfg.DataDir)
	if err != nil {
		return err
	}
	l.sources.set("dns", own)
	cfg.DNs = append(cfg.DNs, groups...)
	l.problems = append(l.problems, r.problems...)
	return nil
}
