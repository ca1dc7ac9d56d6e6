package auth

import "sync/atomic"

// CountHashes counts, from now on, how often the Directory derives a key from a password.
func (d *Directory) CountHashes() *atomic.Int64 {
	var n atomic.Int64
	derive := d.hasher.derive
	d.hasher.derive = func(password, salt []byte, p argonParams, size uint32) []byte {
		n.Add(int64(p.memory) * int64(p.passes))
		return derive(password, salt, p, size)
	}
	return &n
}

// HashCost is what one password costs, in the unit of CountHashes.
const HashCost = costMemory * costPasses

// Limits of the back-off.
const (
	FreePerPair    = freePerPair
	FreePerUser    = freePerUser
	MaxAttemptKeys = maxAttemptKeys
)

// AttemptKeys is how many users and addresses the back-off remembers.
func (s *Service) AttemptKeys() int {
	s.backoff.mu.Lock()
	defer s.backoff.mu.Unlock()
	return len(s.backoff.seen)
}

// Attempt is a failed login without the cost of its password.
func (s *Service) Attempt(user, address string) error { return s.backoff.begin(user, address) }

// PasswordMatches checks a password against a stored hash.
func (d *Directory) PasswordMatches(hash Hash, password string) (bool, error) {
	_, _, _, err := decodeHash(hash)
	if err != nil {
		return false, err
	}
	p, salt, digest, _ := decodeHash(hash)
	return string(d.hasher.derive([]byte(password), salt, p, uint32(len(digest)))) == string(digest), nil
}
