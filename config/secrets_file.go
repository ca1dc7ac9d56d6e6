package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const secretsVersion = 1

// secretsData is the content of the secrets file.
type secretsData struct {
	Version   int               `json:"version"`
	TokenKey  []byte            `json:"token_key"`
	Asterisk  map[string]string `json:"asterisk"`  // ARI password, by server id
	Phones    map[string]string `json:"phones"`    // random password, by DN
	Upstream  map[string]string `json:"upstream"`  // our password towards Asterisk, by DN
	Overrides map[string]string `json:"overrides"` // set by an operator, by DN
}

func newSecretsData() secretsData {
	return secretsData{
		Version:   secretsVersion,
		Asterisk:  map[string]string{},
		Phones:    map[string]string{},
		Upstream:  map[string]string{},
		Overrides: map[string]string{},
	}
}

// change reads the file anew under a lock that other processes obey, lets edit change what it holds, and writes it
// when edit says that something changed.
func (s *Secrets) change(edit func(*secretsData) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := lockFile(s.path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	data, err := readSecrets(s.path)
	if err != nil {
		return err
	}
	if edit(&data) {
		content, err := json.MarshalIndent(data, "", "  ")
		if err != nil {
			return fmt.Errorf("write %s: %w", s.path, err)
		}
		if err := writePrivate(s.path, append(content, '\n')); err != nil {
			return err
		}
	}
	s.held = data
	return nil
}

// lockFile waits for the lock that processes share. The lock is a file of its own, because the secrets file is
// replaced by renaming, which would leave the lock on the old one.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, privateFile) //nolint:gosec // below the operator's data directory
	if err != nil {
		return nil, fmt.Errorf("lock the secrets: %w", err)
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil // closing gives the lock back
}

func readSecrets(path string) (secretsData, error) {
	file, err := os.Open(path) //nolint:gosec // below the operator's data directory
	if errors.Is(err, fs.ErrNotExist) {
		return newSecretsData(), nil
	}
	if err != nil {
		return secretsData{}, fmt.Errorf("%w: %w", ErrSecretsFile, err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return secretsData{}, fmt.Errorf("%w: %w", ErrSecretsFile, err)
	}
	if err := refuseReadable(path, info.Mode()); err != nil {
		return secretsData{}, err
	}
	var content bytes.Buffer
	if _, err := content.ReadFrom(file); err != nil {
		return secretsData{}, fmt.Errorf("%w: %w", ErrSecretsFile, err)
	}
	return decodeSecrets(path, content.Bytes())
}

// decodeSecrets never quotes the content: it would print secrets.
func decodeSecrets(path string, content []byte) (secretsData, error) {
	data := newSecretsData()
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&data); err != nil {
		return secretsData{}, fmt.Errorf("%w: %s is damaged: restore it from a backup, or move it away to get new secrets", ErrSecretsFile, path)
	}
	if data.Version != secretsVersion || len(data.TokenKey) != tokenKeyBytes {
		return secretsData{}, fmt.Errorf("%w: %s has version %d and a token key of %d bytes, expected are %d and %d",
			ErrSecretsFile, path, data.Version, len(data.TokenKey), secretsVersion, tokenKeyBytes)
	}
	for _, secrets := range []*map[string]string{&data.Asterisk, &data.Phones, &data.Upstream, &data.Overrides} {
		if *secrets == nil {
			*secrets = map[string]string{}
		}
	}
	return data, nil
}
