package pjsipgen_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"sidecar/config"
	"sidecar/pjsipgen"
)

var update = flag.Bool("update", false, "write what is generated into the golden files")

const (
	inputName = "sidecar.yaml"
	errorName = "error"
)

// TestGolden reads an archive with a configuration and the files that it must give, or the error. A file whose name ends
// in .diff is compared with the difference to what the default configuration gives, to show what the case is about.
func TestGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, path)
		})
	}
}

func golden(t *testing.T, path string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	require.NoError(t, err)
	require.Equal(t, inputName, archive.Files[0].Name, "the first file is the configuration")
	got := produce(t, archive)
	if *update {
		for i, f := range archive.Files[1:] {
			archive.Files[i+1].Data = []byte(got[f.Name])
		}
		require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o600))
		return
	}
	for _, f := range archive.Files[1:] {
		require.Equal(t, string(f.Data), got[f.Name], "%s in %s (go test -update writes it)", f.Name, path)
	}
}

// produce gives each file of the archive as it is generated now; error is always among them.
func produce(t *testing.T, archive *txtar.Archive) map[string]string {
	t.Helper()
	cfg := parse(t, archive.Files[0].Data)
	files, err := generate(t, cfg)
	got := map[string]string{errorName: ""}
	if err != nil {
		got[errorName] = err.Error() + "\n"
		require.ErrorIs(t, err, pjsipgen.ErrInvalid)
		return got
	}
	usual, err := generate(t, config.Default())
	require.NoError(t, err)
	for name, f := range files {
		got[name] = string(f.Data)
	}
	changes, err := pjsipgen.Diff(written(t, usual), files)
	require.NoError(t, err)
	for _, c := range changes {
		got[c.Name+".diff"] = c.Diff
	}
	if !slices.ContainsFunc(archive.Files, func(f txtar.File) bool { return f.Name == errorName }) {
		delete(got, errorName)
	}
	return got
}

// parse reads a configuration without judging it: what config refuses, pjsipgen must refuse as well.
func parse(t *testing.T, text []byte) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), inputName)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	cfg, _, err := config.Load(path, nil)
	require.NoError(t, err)
	return cfg
}

// written puts files into a new directory.
func written(t testing.TB, files pjsipgen.FileSet) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, files[name].Data, files[name].Mode))
	}
	return dir
}
