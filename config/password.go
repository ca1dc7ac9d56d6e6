package config

import (
	"fmt"
	"os"
	"strings"
)

const (
	minPassword = 8
	maxPassword = 128
	dnPattern   = "{dn}"
)

// passwordRule says what is wrong with a password, or nothing. The rules keep it one value in Asterisk's
// configuration files, where ; starts a comment, a bracket a section, and => is another way to write =; and in
// JSON, SIP and shell quoting.
func passwordRule(password string, shortest int) string {
	if len(password) < shortest || len(password) > maxPassword {
		return fmt.Sprintf("a password has %d to %d characters", shortest, maxPassword)
	}
	if strings.ContainsFunc(password, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "a password has no line breaks, control characters, spaces or letters outside ASCII"
	}
	if strings.ContainsAny(password, "\"'`;[]{}\\<>") {
		return "a password has no quotes, semicolons, brackets, braces or backslashes; the only pattern is {dn}"
	}
	if strings.Contains(password, "${") || password[0] == '=' || password[0] == '#' {
		return "a password does not start with = or #"
	}
	return ""
}

// settingRule judges a DN's password as it is written in the configuration.
func settingRule(setting Secret) string {
	text := setting.Reveal()
	if text == "" || text == PasswordRandom {
		return ""
	}
	if path, ok := strings.CutPrefix(text, PasswordFilePrefix); ok {
		if path == "" || strings.ContainsFunc(path, isControl) {
			return "write file:PATH with the path of a file"
		}
		return ""
	}
	// The longest number shows a pattern that becomes too long, the shortest one that stays too short.
	if rule := passwordRule(strings.ReplaceAll(text, dnPattern, "5"), minPassword); rule != "" {
		return rule
	}
	return passwordRule(strings.ReplaceAll(text, dnPattern, strings.Repeat("5", maxDNDigits)), minPassword)
}

func expandPassword(pattern Secret, number string) (Secret, error) {
	password := strings.ReplaceAll(pattern.Reveal(), dnPattern, number)
	if rule := passwordRule(password, minPassword); rule != "" {
		return "", fmt.Errorf("password of DN %s: %w: %s", number, ErrPassword, rule)
	}
	return Secret(password), nil
}

// passwordTable is a file of passwords: lines of DN,PASSWORD, or one single line that is the password, or the
// pattern with {dn}, of all DNs.
type passwordTable struct {
	byDN map[string]Secret
	all  Secret
}

func readPasswords(path string) (*passwordTable, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("passwords: %w", err)
	}
	table := &passwordTable{byDN: map[string]Secret{}}
	lines := strings.Split(strings.TrimRight(string(content), "\r\n"), "\n")
	for _, line := range lines {
		line = strings.TrimRight(line, "\r")
		number, password, pair := strings.Cut(line, ",")
		switch {
		case pair && isDN(number):
			table.byDN[number] = Secret(password)
		case len(lines) == 1:
			table.all = Secret(line)
		}
	}
	return table, nil
}

func (p *passwordTable) of(number string) (Secret, bool) {
	if password, ok := p.byDN[number]; ok {
		return password, true
	}
	return p.all, p.all != ""
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
