package pjsipgen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

const mask = "********"

// Change is a file that a directory has otherwise than it would be generated.
type Change struct {
	Name string
	Diff string // unified, with passwords masked
}

// Diff compares a directory with generated files. Files that were generated once and are no longer are changes too;
// files that we never wrote are none.
func Diff(dir string, files FileSet) ([]Change, error) {
	have, err := readOwned(dir, files)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(union(have, files))) {
		old, isOld := have[name]
		wanted, isWanted := files[name]
		if isOld && isWanted && bytes.Equal(old.Data, wanted.Data) && old.Mode == wanted.Mode {
			continue
		}
		text, err := unified(name, old, wanted, isOld, isWanted)
		if err != nil {
			return nil, err
		}
		changes = append(changes, Change{Name: name, Diff: text})
	}
	return changes, nil
}

func unified(name string, old, wanted File, isOld, isWanted bool) (string, error) {
	from, to := "a/"+name, "b/"+name
	if !isOld {
		from = "/dev/null"
	}
	if !isWanted {
		to = "/dev/null"
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: lines(masked(old.Data, nil)), B: lines(masked(wanted.Data, old.Data)),
		FromFile: from, ToFile: to, Context: 3,
	})
	if err != nil {
		return "", fmt.Errorf("compare %s: %w", name, err)
	}
	if isOld && isWanted && old.Mode != wanted.Mode {
		text = fmt.Sprintf("%s: mode %#o -> %#o\n", name, old.Mode, wanted.Mode) + text
	}
	return text, nil
}

func lines(text string) []string { return slices.Collect(strings.Lines(text)) }

// masked hides passwords; one that the older text doesn't have is marked, so that a changed password is a difference.
func masked(data, older []byte) string {
	known := map[string]bool{}
	secret := regexp.MustCompile(`(?m)^(password = )(.*)$`)
	for _, m := range secret.FindAllSubmatch(older, -1) {
		known[string(m[2])] = true
	}
	return secret.ReplaceAllStringFunc(string(data), func(line string) string {
		value := strings.TrimPrefix(line, "password = ")
		if older != nil && !known[value] {
			return "password = " + mask + " (new)"
		}
		return "password = " + mask
	})
}

// readOwned reads those files of the directory that are generated now or were at the last time.
func readOwned(dir string, files FileSet) (FileSet, error) {
	names, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	for name := range files {
		names[name] = true
	}
	have := FileSet{}
	for name := range names {
		f, err := readFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		have[name] = f
	}
	return have, nil
}

func readFile(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, fmt.Errorf("read a generated file: %w", err)
	}
	data, err := os.ReadFile(path) //nolint:gosec // below the directory that the operator named
	if err != nil {
		return File{}, fmt.Errorf("read a generated file: %w", err)
	}
	return File{Data: data, Mode: info.Mode().Perm()}, nil
}

func union(a, b FileSet) map[string]bool {
	names := make(map[string]bool, len(a)+len(b))
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return names
}
