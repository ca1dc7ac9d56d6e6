package pjsipgen_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/pjsipgen"
)

func file(text string) pjsipgen.File { return pjsipgen.File{Data: []byte(text), Mode: 0o600} }

func content(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(text)
}

func TestWriteReplacesOwnsAndKeeps(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	first := pjsipgen.FileSet{"a.conf": file("one\n"), "b.conf": file("two\n"), "nginx/site.conf": file("three\n")}
	require.NoError(t, pjsipgen.Write(dir, first))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "foreign.conf"), []byte("mine\n"), 0o600))
	changes, err := pjsipgen.Diff(dir, first)
	require.NoError(t, err)
	require.Empty(t, changes)

	second := pjsipgen.FileSet{"a.conf": {Data: []byte("one!\n"), Mode: 0o644}, "nginx/site.conf": file("three\n")}
	require.NoError(t, pjsipgen.Write(dir, second))
	require.Equal(t, "one!\n", content(t, dir, "a.conf"))
	require.NoFileExists(t, filepath.Join(dir, "b.conf"), "no longer generated")
	require.Equal(t, "mine\n", content(t, dir, "foreign.conf"))
	require.Equal(t, "one\n", content(t, dir, ".last-good", "a.conf"))
	info, err := os.Stat(filepath.Join(dir, "a.conf"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), info.Mode().Perm())
	kept, err := os.Stat(filepath.Join(dir, ".last-good"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), kept.Mode().Perm())

	require.NoError(t, pjsipgen.Restore(dir))
	changes, err = pjsipgen.Diff(dir, first)
	require.NoError(t, err)
	require.Empty(t, changes)
	require.Equal(t, "mine\n", content(t, dir, "foreign.conf"))
	leftovers, err := filepath.Glob(filepath.Join(dir, ".*.conf.*"))
	require.NoError(t, err)
	require.Empty(t, leftovers)
}

func TestWriteOfTheSameFilesKeepsTheLastGoodOnes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, pjsipgen.Write(dir, pjsipgen.FileSet{"a.conf": file("one\n")}))
	for range 2 {
		require.NoError(t, pjsipgen.Write(dir, pjsipgen.FileSet{"a.conf": file("two\n")}))
	}
	require.Equal(t, "one\n", content(t, dir, ".last-good", "a.conf"))
}

func TestWriteKeepsFilesOfOthersThatItReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.conf"), []byte("sample\n"), 0o600))
	for _, text := range []string{"one\n", "two\n"} {
		require.NoError(t, pjsipgen.Write(dir, pjsipgen.FileSet{"a.conf": file(text)}))
	}
	require.Equal(t, "sample\n", content(t, dir, ".before-sidecar", "a.conf"))
}

func TestWriteThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, pjsipgen.Write(dir, pjsipgen.FileSet{"a.conf": file("one\n")}))
	// A directory can't be replaced by a file: the last rename fails, after that of a.conf.
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "z.conf", "x"), 0o700))
	require.Error(t, pjsipgen.Write(dir, pjsipgen.FileSet{"a.conf": file("two\n"), "z.conf": file("new\n")}))
	require.Equal(t, "one\n", content(t, dir, "a.conf"))
}

func TestManifestCanNotReachOutOfTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("mine"), 0o600))
	out := filepath.Join(dir, "out")
	require.NoError(t, os.MkdirAll(out, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(out, ".sidecar-manifest"), []byte("../victim\n"+victim+"\n"), 0o600))
	require.NoError(t, pjsipgen.Write(out, pjsipgen.FileSet{"a.conf": file("one\n")}))
	require.FileExists(t, victim)
}

func TestDiffMasksPasswordsAndStillShowsThatTheyChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, pjsipgen.Write(dir, pjsipgen.FileSet{"pjsip.conf": file("[a]\npassword = hunter2\n[b]\npassword = same\n")}))
	require.NoError(t, os.Chmod(filepath.Join(dir, "pjsip.conf"), 0o644)) // the mode is what the test is about
	changes, err := pjsipgen.Diff(dir, pjsipgen.FileSet{"pjsip.conf": file("[a]\npassword = hunter3\n[b]\npassword = same\n")})
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.Contains(t, changes[0].Diff, "-password = ********\n+password = ******** (new)\n")
	require.Contains(t, changes[0].Diff, "mode 0644 -> 0600")
	require.NotContains(t, changes[0].Diff, "hunter")
	require.NotContains(t, changes[0].Diff, "same")
}
