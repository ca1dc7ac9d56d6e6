package auth

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// UserID names a user for good; a name can be given anew, an id never is.
type UserID int64

// Hash is a password hash in PHC string format. It never prints.
type Hash string

// String hides the hash.
func (Hash) String() string { return "********" }

// LogValue hides the hash from slog.
func (Hash) LogValue() slog.Value { return slog.StringValue("********") }

// User is somebody who may log in.
type User struct {
	ID          UserID
	Name        string // unique without regard to case
	DisplayName string
	Role        Role
	Team        string   // empty: none
	DNs         []string // that the user may use, sorted
	Disabled    bool
	Hash        Hash
	Version     int64 // grows whenever tokens given out before must stop to count
	CreatedAt   time.Time
	ChangedAt   time.Time
}

// NewUser is what is needed to make a user.
type NewUser struct {
	Name        string
	DisplayName string
	Password    string
	Role        Role
	Team        string
	DNs         []string
}

// Change is what to change about a user; nil leaves a thing as it is.
type Change struct {
	DisplayName *string
	Password    *string
	Role        *Role
	Team        *string
	DNs         *[]string
	Disabled    *bool
}

// Update is a Change as it is stored: with the password hashed.
type Update struct {
	DisplayName *string
	Hash        *Hash
	Role        *Role
	Team        *string
	DNs         *[]string
	Disabled    *bool
}

// EndsSessions reports whether the tokens that were given out before must stop to count.
func (u Update) EndsSessions() bool { return u.Hash != nil || u.Role != nil || u.Disabled != nil }

// The longest password keeps the cost of hashing bounded; the shortest is the floor of NIST SP 800-63B.
const (
	minPassword = 8
	maxPassword = 256
	maxDisplay  = 100
	maxDNs      = 1000
)

var (
	nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)
	teamRule = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$`)
	dnRule   = regexp.MustCompile(`^[A-Za-z0-9+*#_-]{1,32}$`)
)

func checkName(name string) error {
	if !nameRule.MatchString(name) {
		return &FieldError{Field: "user", Rule: "must be 1 to 64 letters, digits, dots, dashes, underscores or @, starting with a letter or digit"}
	}
	return nil
}

func checkPassword(password string) error {
	switch {
	case len(password) < minPassword:
		return &FieldError{Field: "password", Rule: fmt.Sprintf("must have at least %d characters", minPassword)}
	case len(password) > maxPassword:
		return &FieldError{Field: "password", Rule: fmt.Sprintf("must have at most %d bytes", maxPassword)}
	case !plain(password):
		return &FieldError{Field: "password", Rule: "must be valid UTF-8 without control characters"}
	}
	return nil
}

func checkDisplayName(name string) error {
	if len(name) > maxDisplay || !plain(name) {
		return &FieldError{Field: "displayName", Rule: fmt.Sprintf("must be at most %d bytes of valid UTF-8 without control characters", maxDisplay)}
	}
	return nil
}

func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func checkTeam(team string) error {
	if team != "" && !teamRule.MatchString(team) {
		return &FieldError{Field: "team", Rule: "must be 1 to 64 letters, digits, spaces, dots, dashes or underscores, starting with a letter or digit"}
	}
	return nil
}

// checkDNs gives the DNs sorted and without repeats. known may be nil: any DN is taken.
func checkDNs(dns []string, known func(string) bool) ([]string, error) {
	if len(dns) > maxDNs {
		return nil, &FieldError{Field: "dns", Rule: "must be at most " + strconv.Itoa(maxDNs)}
	}
	for i, dn := range dns {
		field := "dns[" + strconv.Itoa(i) + "]"
		if !dnRule.MatchString(dn) {
			return nil, &FieldError{Field: field, Rule: "must be a number of up to 32 characters, such as 5001"}
		}
		if known != nil && !known(dn) {
			return nil, &FieldError{Field: field, Rule: fmt.Sprintf("%s is not a DN of this sidecar: see dns in the configuration", dn)}
		}
	}
	sorted := slices.Clone(dns)
	slices.Sort(sorted)
	return slices.Compact(sorted), nil
}
