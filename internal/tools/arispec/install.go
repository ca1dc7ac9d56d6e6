package arispec

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
)

// FromRoot reads the inventory of the Asterisk installed below root (/ for one
// installed on the host itself).
func FromRoot(ctx context.Context, root string) (*Inventory, error) {
	version, err := installedVersion(ctx, root)
	if err != nil {
		return nil, err
	}
	return FromDir(filepath.Join(root, "usr/share/asterisk/rest-api"), version)
}

// installedVersion asks the binary itself. It runs it with the loader of its own
// root, because a root unpacked beside the host's system needs its own libc.
func installedVersion(ctx context.Context, root string) (string, error) {
	loaders, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu/ld-linux-*.so.*"))
	if err != nil || len(loaders) == 0 {
		return "", fmt.Errorf("%w: no dynamic loader below %s/usr/lib: is an Asterisk root there?", ErrDescription, root)
	}
	libs := filepath.Dir(loaders[0]) + ":" + filepath.Join(root, "usr/lib")
	//nolint:gosec // the root is the developer's own argument
	cmd := exec.CommandContext(ctx, loaders[0], "--library-path", libs, filepath.Join(root, "usr/sbin/asterisk"), "-V")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking the installed Asterisk for its version: %w", err)
	}
	m := regexp.MustCompile(`\d+(\.\d+)+`).FindString(string(out))
	if m == "" {
		return "", fmt.Errorf("%w: no version in %q", ErrDescription, out)
	}
	return m, nil
}
