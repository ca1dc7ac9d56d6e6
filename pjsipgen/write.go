package pjsipgen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Names that Write keeps in the directory beside the files.
const (
	manifestName = ".sidecar-manifest" // the files that are ours
	lastGoodDir  = ".last-good"        // our files as they were before the last Write
	foreignDir   = ".before-sidecar"   // files of others that ours took the place of
)

// Write puts the files into the directory, each in one step: a reader sees the old or the new file, never a part. All
// are written aside before the first takes its place, and an error puts the old ones back. The set that was there
// before is kept; files that are ours and no longer generated are removed; files of others stay.
func Write(dir string, files FileSet) error {
	changes, err := Diff(dir, files)
	if err != nil {
		return err
	}
	manifest := manifestText(files)
	had, err := os.ReadFile(filepath.Join(dir, manifestName)) //nolint:gosec // below the directory that the operator named
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the list of generated files: %w", err)
	}
	if len(changes) == 0 && bytes.Equal(had, manifest) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	if err := keepForeign(dir, files); err != nil {
		return err
	}
	if err := keepLastGood(dir, files); err != nil {
		return err
	}
	if err := replace(dir, files); err != nil {
		return errors.Join(err, Restore(dir))
	}
	return nil
}

// Restore puts back what was there before the last Write.
func Restore(dir string) error {
	kept := filepath.Join(dir, lastGoodDir)
	names, err := readManifest(kept)
	if err != nil {
		return fmt.Errorf("restore the last good files: %w", err)
	}
	files := FileSet{}
	for name := range names {
		f, err := readFile(filepath.Join(kept, name))
		if err != nil {
			return fmt.Errorf("restore the last good files: %w", err)
		}
		files[name] = f
	}
	return replace(dir, files)
}

// replace is Write without keeping anything.
func replace(dir string, files FileSet) error {
	owned, err := readManifest(dir)
	if err != nil {
		return err
	}
	all := maps.Clone(files)
	all[manifestName] = File{Data: manifestText(files), Mode: modePublic}
	aside := map[string]string{} // by name
	defer func() {
		for _, path := range aside {
			_ = os.Remove(path) // what has taken its place is gone from here
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path, err := writeAside(filepath.Join(dir, name), all[name])
		if err != nil {
			return err
		}
		aside[name] = path
	}
	for _, name := range slices.Sorted(maps.Keys(aside)) {
		if err := os.Rename(aside[name], filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("replace %s: %w", name, err)
		}
	}
	for name := range owned {
		if _, wanted := files[name]; wanted {
			continue
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s, which is no longer generated: %w", name, err)
		}
	}
	return nil
}

func writeAside(path string, f File) (aside string, err error) {
	if err = os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("make the directory: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	_, errWrite := tmp.Write(f.Data)
	err = errors.Join(errWrite, tmp.Chmod(f.Mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return "", errors.Join(fmt.Errorf("write %s: %w", filepath.Base(path), err), os.Remove(tmp.Name()))
	}
	return tmp.Name(), nil
}

// keepLastGood copies our present files, so that Restore finds them.
func keepLastGood(dir string, files FileSet) error {
	have, err := readOwned(dir, files)
	if err != nil {
		return err
	}
	kept := filepath.Join(dir, lastGoodDir)
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return fmt.Errorf("keep the last good files: %w", err)
	}
	if err := replace(kept, have); err != nil {
		return fmt.Errorf("keep the last good files: %w", err)
	}
	return nil
}

// keepForeign copies files that ours are about to replace and that we didn't write, once.
func keepForeign(dir string, files FileSet) error {
	owned, err := readManifest(dir)
	if err != nil {
		return err
	}
	for name := range files {
		if owned[name] {
			continue
		}
		f, err := readFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		to := filepath.Join(dir, foreignDir, name)
		if _, err = os.Lstat(to); err == nil {
			continue
		}
		aside, err := writeAside(to, f)
		if err != nil {
			return err
		}
		if err := os.Rename(aside, to); err != nil {
			return fmt.Errorf("keep %s: %w", name, err)
		}
	}
	return nil
}

func manifestText(files FileSet) []byte {
	return []byte(strings.Join(slices.Sorted(maps.Keys(files)), "\n") + "\n")
}

// readManifest gives the files of the directory that are ours. A name that leads out of the directory is not.
func readManifest(dir string) (map[string]bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName)) //nolint:gosec // below the directory that the operator named
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the list of generated files: %w", err)
	}
	names := map[string]bool{}
	for name := range strings.Lines(string(text)) {
		if name = strings.TrimSpace(name); name != "" && filepath.IsLocal(name) {
			names[name] = true
		}
	}
	return names, nil
}
