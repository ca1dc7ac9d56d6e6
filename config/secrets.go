package config

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// SecretsFile is the name, in the data directory, of the secrets that are made once.
const SecretsFile = "secrets.json"

const (
	// alphabet has no letters and digits that people mistake for each other (0 O, 1 l I, o).
	alphabet      = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	secretLength  = 24 // 139 bits
	tokenKeyBytes = 32
)

// Secrets are the passwords and keys that are made once, with the first need, and kept in the data directory.
// Several processes may use one data directory at a time: each looks under a lock for what the others made before it
// makes something new. The methods may be called from several goroutines.
type Secrets struct {
	path string

	mu     sync.Mutex
	held   secretsData
	tables map[string]*passwordTable // by path; read once, and again after Ensure
}

// OpenSecrets opens the secrets of a data directory and makes both when they are not there. A file that is damaged,
// or that others may read, is an error; it is left as it is.
func OpenSecrets(dataDir string) (*Secrets, error) {
	if err := makePrivateDir(dataDir); err != nil {
		return nil, err
	}
	s := &Secrets{path: filepath.Join(dataDir, SecretsFile)}
	err := s.change(func(d *secretsData) bool {
		if len(d.TokenKey) == 0 {
			d.TokenKey = make([]byte, tokenKeyBytes)
			_, _ = rand.Read(d.TokenKey) // never fails: it ends the program instead
			return true
		}
		return false
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Path is where the secrets are kept.
func (s *Secrets) Path() string { return s.path }

// TokenKey is the key that signs tokens.
func (s *Secrets) TokenKey() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.held.TokenKey)
}

// TURN is the secret that signs credentials for our TURN server. It is derived from the token key, so that there is one
// less to keep.
func (s *Secrets) TURN() (Secret, error) {
	key, err := hkdf.Key(sha256.New, s.TokenKey(), nil, "turn", tokenKeyBytes)
	if err != nil {
		return "", fmt.Errorf("derive the TURN secret: %w", err)
	}
	return Secret(hex.EncodeToString(key)), nil
}

// Asterisk gives our random ARI password for the server with that id.
func (s *Secrets) Asterisk(id string) (Secret, error) {
	return s.one(id, func(d *secretsData) map[string]string { return d.Asterisk })
}

// ARIPassword gives the password for ARI: the configured one, else our random one.
func (s *Secrets) ARIPassword(server Asterisk) (Secret, error) {
	if server.Password != "" {
		return server.Password, nil
	}
	return s.Asterisk(server.ID)
}

// Upstream gives the random secret that we, not the phone, use for the DN towards Asterisk.
func (s *Secrets) Upstream(dn DN) (Secret, error) {
	return s.one(dn.Number, func(d *secretsData) map[string]string { return d.Upstream })
}

// Phone gives the password that the DN's phone uses: the one set by SetPhone, else what the DN's setting says.
func (s *Secrets) Phone(dn DN) (Secret, error) {
	if set, ok := s.override(dn.Number); ok {
		return set, nil
	}
	if dn.Password == "" || dn.Password == PasswordRandom {
		return s.one(dn.Number, func(d *secretsData) map[string]string { return d.Phones })
	}
	if path, ok := strings.CutPrefix(dn.Password.Reveal(), PasswordFilePrefix); ok {
		return s.fromFile(path, dn.Number)
	}
	return expandPassword(dn.Password, dn.Number)
}

// SetPhone gives a DN's phone a password of its own, over what the configuration says.
func (s *Secrets) SetPhone(dn DN, password Secret) error {
	if rule := passwordRule(password.Reveal(), minPassword); rule != "" {
		return fmt.Errorf("password of DN %s: %w: %s", dn.Number, ErrPassword, rule)
	}
	return s.change(func(d *secretsData) bool {
		d.Overrides[dn.Number] = password.Reveal()
		return true
	})
}

// ForgetPhone takes back what SetPhone set, and the random passwords of a DN that is gone.
func (s *Secrets) ForgetPhone(number string) error {
	return s.change(func(d *secretsData) bool {
		_, set := d.Overrides[number]
		_, made := d.Phones[number]
		_, upstream := d.Upstream[number]
		delete(d.Overrides, number)
		delete(d.Phones, number)
		delete(d.Upstream, number)
		return set || made || upstream
	})
}

// Ensure makes all secrets that these servers and DNs need, in one write.
func (s *Secrets) Ensure(servers []Asterisk, dns []DN) error {
	s.mu.Lock()
	s.tables = nil
	s.mu.Unlock()
	return s.change(func(d *secretsData) bool {
		changed := false
		for _, server := range servers {
			if server.Password == "" {
				changed = makeSecret(d.Asterisk, server.ID) || changed
			}
		}
		for _, dn := range dns {
			changed = makeSecret(d.Upstream, dn.Number) || changed
			if dn.Password == "" || dn.Password == PasswordRandom {
				changed = makeSecret(d.Phones, dn.Number) || changed
			}
		}
		return changed
	})
}

// fromFile keeps a file that it has read, because thousands of DNs may share it.
func (s *Secrets) fromFile(path, number string) (Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	table, ok := s.tables[path]
	if !ok {
		var err error
		if table, err = readPasswords(path); err != nil {
			return "", fmt.Errorf("password of DN %s: %w", number, err)
		}
		if s.tables == nil {
			s.tables = map[string]*passwordTable{}
		}
		s.tables[path] = table
	}
	password, ok := table.of(number)
	if !ok {
		return "", fmt.Errorf("password of DN %s: %w: %s has no line %s,PASSWORD", number, ErrPassword, path, number)
	}
	return expandPassword(password, number)
}

func (s *Secrets) override(number string) (Secret, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set, ok := s.held.Overrides[number]
	return Secret(set), ok
}

// one gives a secret, and makes it first when it is not there.
func (s *Secrets) one(name string, in func(*secretsData) map[string]string) (Secret, error) {
	s.mu.Lock()
	held, ok := in(&s.held)[name]
	s.mu.Unlock()
	if ok {
		return Secret(held), nil
	}
	err := s.change(func(d *secretsData) bool {
		made := makeSecret(in(d), name)
		held = in(d)[name]
		return made
	})
	return Secret(held), err
}

func makeSecret(secrets map[string]string, name string) bool {
	if _, ok := secrets[name]; ok {
		return false
	}
	secrets[name] = RandomPassword().Reveal()
	return true
}

// RandomPassword makes a password of letters and digits that people can read to each other.
func RandomPassword() Secret {
	// Bytes from the last multiple of the alphabet's length on are thrown away: the letters stay equally likely.
	const limit = 256 - 256%len(alphabet)
	letters := make([]byte, 0, secretLength)
	random := make([]byte, secretLength)
	for len(letters) < secretLength {
		_, _ = rand.Read(random) // never fails: it ends the program instead
		for _, b := range random {
			if int(b) < limit && len(letters) < secretLength {
				letters = append(letters, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return Secret(letters)
}
