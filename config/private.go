package config

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	privateDir  = 0o700
	privateFile = 0o600
)

func makePrivateDir(dir string) error {
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// writePrivate replaces a file in one step, so that a reader or a crash sees the old or the new content, never half.
func writePrivate(path string, content []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err = temp.Write(content); err != nil {
		_ = temp.Close()
		return err
	}
	if err = temp.Sync(); err != nil {
		_ = temp.Close()
		return err
	}
	if err = temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// refuseReadable gives an error for a file with secrets that others may read.
func refuseReadable(path string, mode os.FileMode) error {
	if mode.Perm()&0o077 == 0 {
		return nil
	}
	return fmt.Errorf("%w: others may read it (mode %04o): run chmod %04o %s", ErrSecretsFile, mode.Perm(), os.FileMode(privateFile), path)
}
