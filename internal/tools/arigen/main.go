package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"sidecar/internal/tools/arispec"
)

// suffix marks the files this program owns in the target directory.
const suffix = "_gen.go"

var errStale = errors.New("generated code is stale, run make gen")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "arigen:", err)
		os.Exit(1)
	}
}

type options struct {
	dir, inventory, root string
	check                bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	fs := flag.NewFlagSet("arigen", flag.ContinueOnError)
	fs.StringVar(&o.dir, "dir", "ari", "directory of package ari")
	fs.StringVar(&o.inventory, "inventory", "internal/tools/arispec/inventory.json", "the committed inventory")
	fs.StringVar(&o.root, "root", "", "root of an installed Asterisk; empty works from the inventory alone")
	fs.BoolVar(&o.check, "check", false, "change nothing; fail when something would change")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	if o.check {
		return check(ctx, o, out)
	}
	return write(ctx, o, out)
}

func load(path string) (*arispec.Inventory, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the developer's own argument
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return arispec.Parse(raw)
}

func check(ctx context.Context, o options, out io.Writer) error {
	inv, err := load(o.inventory)
	if err != nil {
		return err
	}
	files, err := generate(inv)
	if err != nil {
		return err
	}
	stale, err := compare(o.dir, files)
	if err != nil {
		return err
	}
	if len(stale) > 0 {
		return fmt.Errorf("%w: %s", errStale, strings.Join(stale, ", "))
	}
	if o.root == "" {
		fmt.Fprintf(out, "ari: code matches the inventory of Asterisk %s\n", inv.Version)
		return nil
	}
	installed, err := arispec.FromRoot(ctx, o.root)
	if err != nil {
		return err
	}
	if err := inv.Verify(installed); err != nil {
		return err //nolint:wrapcheck // names both versions already
	}
	fmt.Fprintf(out, "ari: code matches the inventory of Asterisk %s; the installed %s offers all of it\n", inv.Version, installed.Version)
	return nil
}

// compare lists the files in dir that differ from what was generated.
func compare(dir string, files map[string][]byte) ([]string, error) {
	have, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	var stale []string
	for _, path := range have {
		if _, ok := files[filepath.Base(path)]; !ok {
			stale = append(stale, path)
		}
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // the developer's own argument
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("generated code: %w", err)
		}
		if !bytes.Equal(got, want) {
			stale = append(stale, filepath.Join(dir, name))
		}
	}
	slices.Sort(stale)
	return stale, nil
}

func write(ctx context.Context, o options, out io.Writer) error {
	inv, err := source(ctx, o)
	if err != nil {
		return err
	}
	files, err := generate(inv)
	if err != nil {
		return err
	}
	stale, err := compare(o.dir, files)
	if err != nil {
		return err
	}
	for _, path := range stale {
		want, ours := files[filepath.Base(path)]
		if !ours {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, want, 0o644) //nolint:gosec // source code, readable like the rest
		}
		if err != nil {
			return fmt.Errorf("generated code: %w", err)
		}
	}
	fmt.Fprintf(out, "ari: %d of %d files rewritten from Asterisk %s\n", len(stale), len(files), inv.Version)
	return nil
}

// source returns the inventory to generate from and, when it comes from an
// installation, writes it down first.
func source(ctx context.Context, o options) (*arispec.Inventory, error) {
	if o.root == "" {
		return load(o.inventory)
	}
	inv, err := arispec.FromRoot(ctx, o.root)
	if err != nil {
		return nil, err //nolint:wrapcheck // says what was being read
	}
	if arispec.Major(inv.Version) != major {
		return nil, fmt.Errorf("%w: package ari is written for Asterisk %s, %s has %s",
			arispec.ErrMajorVersion, major, o.root, inv.Version)
	}
	raw, err := inv.Marshal()
	if err != nil {
		return nil, err //nolint:wrapcheck // says what was being written
	}
	if err := os.WriteFile(o.inventory, raw, 0o644); err != nil { //nolint:gosec // public names and types
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return inv, nil
}
