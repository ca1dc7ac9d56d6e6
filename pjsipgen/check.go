package pjsipgen

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sidecar/config"
)

// Characters of dialled numbers: no comma, bracket, brace, ampersand or space, which mean something in a dialplan.
const (
	numberChars = "+*#0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-"
	digitChars  = "+*#0123456789"
	nameChars   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
	hostChars   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.:"
	soundChars  = nameChars + "/."
	fileChars   = soundChars + " +,@=:~"
	userChars   = nameChars + ".+@"
)

// checker collects every value that could change the meaning of a file it is written into.
type checker struct {
	fields []FieldError
}

func (c *checker) refuse(field, value, rule string) {
	c.fields = append(c.fields, FieldError{Field: field, Value: value, Rule: rule})
}

func (c *checker) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return &InvalidError{Fields: c.fields}
}

// line accepts what stays one value of one line: a line break starts another option, ; a comment.
func (c *checker) line(field, value string) {
	if strings.ContainsFunc(value, isControl) || strings.ContainsRune(value, ';') || strings.TrimSpace(value) != value {
		c.refuse(field, value, "must be one line without semicolons, control characters and outer spaces")
	}
}

// secret never quotes the value.
func (c *checker) secret(field string, value config.Secret) {
	text := value.Reveal()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.ContainsAny(text, `;\`) {
		c.refuse(field, "", "a password must be one word of ASCII characters without semicolons, backslashes and line breaks")
	}
}

func (c *checker) of(chars, field, value, rule string) bool {
	if value == "" || !madeOf(value, chars) {
		c.refuse(field, value, rule)
		return false
	}
	return true
}

func (c *checker) name(field, value string) {
	c.of(nameChars, field, value, "must be a name of letters, digits, _ and -")
}

func (c *checker) number(field, value string) bool {
	return c.of(numberChars, field, value, "must be a number of digits, +, * and #, or a SIP user of letters, digits, _ and .")
}

func (c *checker) digits(field, value string) {
	c.of(digitChars, field, value, "must be digits, +, * or #")
}

func (c *checker) sound(field, value string) {
	if c.of(soundChars, field, value, "must be the name of a sound file: letters, digits, _ - . and /") && strings.Contains(value, "..") {
		c.refuse(field, value, "must not lead out of the sounds directory")
	}
}

func (c *checker) host(field, value string) {
	c.of(hostChars, field, value, "must be an address or a host name")
}

func (c *checker) hostPort(field, value string) (host string) {
	host, port, err := net.SplitHostPort(value)
	number, errPort := strconv.Atoi(port)
	if err != nil || errPort != nil || number < 1 || number > 65535 || host != "" && !madeOf(host, hostChars) {
		c.refuse(field, value, "must be HOST:PORT, such as 127.0.0.1:5060")
		return ""
	}
	return host
}

func (c *checker) network(field, value string) {
	if _, err := netip.ParsePrefix(value); err == nil {
		return
	}
	if _, err := netip.ParseAddr(value); err != nil {
		c.refuse(field, value, "must be a network such as 192.168.0.0/16, or an address")
	}
}

func (c *checker) oneOf(field, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	c.refuse(field, value, "must be one of "+strings.Join(allowed, ", "))
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func madeOf(text, chars string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(chars, r) })
}
