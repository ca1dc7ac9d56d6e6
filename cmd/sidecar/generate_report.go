package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sidecar/pjsipgen"
)

// beforeDir is where pjsipgen keeps the files of others that its own take the place of.
const beforeDir = ".before-sidecar"

func writeFiles(cmd *cobra.Command, dir string, files pjsipgen.FileSet) error {
	changes, err := pjsipgen.Diff(dir, files)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	before := keptFiles(dir)
	if err := pjsipgen.Write(dir, files); err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	return sayWritten(cmd, dir, len(files), changes, before)
}

// sayWritten tells what a run did to the directory; before are the files of others that it kept already.
func sayWritten(cmd *cobra.Command, dir string, files int, changes []pjsipgen.Change, before []string) error {
	if err := sayKept(cmd, dir, before); err != nil {
		return err
	}
	names := make([]string, len(changes))
	for i, change := range changes {
		names[i] = change.Name
	}
	return say(cmd, "%d files in %s, changed: %s", files, dir, cmp.Or(strings.Join(names, ", "), "none"))
}

// sayKept says it once, when it happens: whoever wrote a file by hand must learn where it went.
func sayKept(cmd *cobra.Command, dir string, before []string) error {
	kept := slices.DeleteFunc(keptFiles(dir), func(name string) bool { return slices.Contains(before, name) })
	if len(kept) == 0 {
		return nil
	}
	return say(cmd, "replaced files that sidecar didn't write, the originals are in %s: %s",
		filepath.Join(dir, beforeDir), strings.Join(kept, ", "))
}

func keptFiles(dir string) []string {
	var names []string
	root := filepath.Join(dir, beforeDir)
	// It is not there as long as nothing was replaced.
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name, err := filepath.Rel(root, path); err == nil && entry.Type().IsRegular() {
			names = append(names, name)
		}
		return nil
	})
	return names
}
