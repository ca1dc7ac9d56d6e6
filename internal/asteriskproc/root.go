package asteriskproc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Root is an unpacked Asterisk with its libraries and its own program loader.
type Root struct {
	dir     string
	loader  string
	libs    string
	modules string
}

// CacheDir is the directory that holds everything the project downloads:
// ${SIDECAR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sidecar}, as in scripts/asterisk-install.sh.
func CacheDir() (string, error) {
	if dir := os.Getenv("SIDECAR_CACHE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "sidecar"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory (set SIDECAR_CACHE): %w", err)
	}
	return filepath.Join(home, ".cache", "sidecar"), nil
}

// FindRoot returns the Asterisk of the cache directory, or [ErrNoRoot].
func FindRoot() (Root, error) {
	cache, err := CacheDir()
	if err != nil {
		return Root{}, err
	}
	return OpenRoot(filepath.Join(cache, "asterisk", "root"))
}

// OpenRoot returns the Asterisk unpacked in dir.
func OpenRoot(dir string) (Root, error) {
	// The stamp is what the installer writes last: without it the tree may be half there.
	if _, err := os.Stat(filepath.Join(dir, ".sidecar-stamp")); err != nil {
		return Root{}, fmt.Errorf("%w (looked in %s)", ErrNoRoot, dir)
	}
	loaders, err := filepath.Glob(filepath.Join(dir, "usr", "lib", "*-linux-gnu*", "ld-linux*.so.*"))
	if err != nil || len(loaders) != 1 {
		return Root{}, fmt.Errorf("%w (%s has %d program loaders, want 1)", ErrNoRoot, dir, len(loaders))
	}
	libDir := filepath.Dir(loaders[0])
	return Root{
		dir:     dir,
		loader:  loaders[0],
		libs:    libDir + ":" + filepath.Join(dir, "usr", "lib"),
		modules: filepath.Join(libDir, "asterisk", "modules"),
	}, nil
}

// Dir is where the tree lies.
func (r Root) Dir() string { return r.dir }

// SampleDir holds the package's sample configuration.
func (r Root) SampleDir() string { return filepath.Join(r.dir, "etc", "asterisk") }

// APIDescriptionDir holds the description (Swagger 1.x) that this Asterisk's ARI was built from.
func (r Root) APIDescriptionDir() string { return filepath.Join(r.shareDir(), "rest-api") }

func (r Root) shareDir() string { return filepath.Join(r.dir, "usr", "share", "asterisk") }

// command runs the tree's asterisk by the tree's loader: the host's libc may be older than the one it was built for.
func (r Root) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, r.loader, r.args(args...)...) //nolint:gosec // the loader of the tree that we unpacked
}

func (r Root) args(args ...string) []string {
	return append([]string{"--library-path", r.libs, filepath.Join(r.dir, "usr", "sbin", "asterisk")}, args...)
}
