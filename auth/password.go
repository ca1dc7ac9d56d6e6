package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argonParams are the costs of Argon2id.
type argonParams struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// The costs: the first choice of the OWASP password storage cheat sheet for Argon2id (19 MiB, 2 passes, 1 lane).
const (
	costMemory  = 19 * 1024
	costPasses  = 2
	costThreads = 1
	saltSize    = 16
	digestSize  = 32
)

// Bounds of what a stored hash may ask for, so that a damaged one can't exhaust the machine.
const (
	maxMemory = 256 * 1024
	maxPasses = 16
)

// hasher makes and checks password hashes, a few at a time: each takes 19 MiB, and a flood of logins must not
// take all memory.
type hasher struct {
	slots  chan struct{}
	derive func(password, salt []byte, p argonParams, size uint32) []byte
}

func newHasher() *hasher {
	return &hasher{
		slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
		derive: func(password, salt []byte, p argonParams, size uint32) []byte {
			return argon2.IDKey(password, salt, p.passes, p.memory, p.threads, size)
		},
	}
}

// run derives a key when a slot is free.
func (h *hasher) run(ctx context.Context, password string, salt []byte, p argonParams, size uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return h.derive([]byte(password), salt, p, size), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (h *hasher) hash(ctx context.Context, password string) (Hash, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	p := argonParams{memory: costMemory, passes: costPasses, threads: costThreads}
	digest, err := h.run(ctx, password, salt, p, digestSize)
	if err != nil {
		return "", err
	}
	return encodeHash(p, salt, digest), nil
}

// verify compares in constant time.
func (h *hasher) verify(ctx context.Context, password string, stored Hash) (bool, error) {
	p, salt, digest, err := decodeHash(stored)
	if err != nil {
		return false, err
	}
	got, err := h.run(ctx, password, salt, p, uint32(len(digest))) // #nosec G115 -- decodeHash bounds it
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, digest) == 1, nil
}

// nobodysHash is a hash that no password has. Checking it costs what checking a real one costs.
func nobodysHash() Hash {
	p := argonParams{memory: costMemory, passes: costPasses, threads: costThreads}
	return encodeHash(p, make([]byte, saltSize), make([]byte, digestSize))
}

// encodeHash writes the PHC string format: $argon2id$v=19$m=..,t=..,p=..$salt$digest.
func encodeHash(p argonParams, salt, digest []byte) Hash {
	b64 := base64.RawStdEncoding
	return Hash(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads,
		b64.EncodeToString(salt), b64.EncodeToString(digest)))
}

func decodeHash(h Hash) (p argonParams, salt, digest []byte, err error) {
	fields := strings.Split(string(h), "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errPasswordHash
	}
	if _, err = fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); err != nil {
		return p, nil, nil, errPasswordHash
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(fields[4])
	digest, digestErr := base64.RawStdEncoding.DecodeString(fields[5])
	switch {
	case saltErr != nil, digestErr != nil, len(salt) < 8, len(salt) > 64, len(digest) < 16, len(digest) > 64:
		return p, nil, nil, errPasswordHash
	case p.memory == 0, p.memory > maxMemory, p.passes == 0, p.passes > maxPasses, p.threads == 0:
		return p, nil, nil, errPasswordHash
	}
	return p, salt, digest, nil
}

// RandomPassword makes a password of 80 random bits that can be read aloud and typed.
func RandomPassword() string {
	text := strings.ToLower(rand.Text()[:16])
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}
