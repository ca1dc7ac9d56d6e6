package config

import (
	"fmt"
	"regexp"
	"strings"
)

// maxUserData is the number of headers, and that of variables, that a call's user data can come from.
const maxUserData = 20

// userData judges the names that go into the dialplan.
func (c *checker) userData() {
	calls := &c.cfg.Calls
	header := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
	c.sources("calls.user_data_headers", calls.UserDataHeaders, header, "write the name of a SIP header: letters, digits and -, such as X-Customer-Info")
	variable := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	c.sources("calls.user_data_variables", calls.UserDataVariables, variable, "write the name of a channel variable: letters, digits and _, such as CUSTOMER_ID")
}

func (c *checker) sources(key string, names []string, is *regexp.Regexp, rule string) {
	if len(names) > maxUserData {
		c.add(key, "", fmt.Sprintf("has %d names: at most %d are allowed", len(names), maxUserData))
		return
	}
	seen := map[string]bool{}
	for i, name := range names {
		switch {
		case !is.MatchString(name):
			c.add(indexed(key, i), name, rule)
		case strings.HasPrefix(strings.ToUpper(name), "SIDECAR_"), strings.HasPrefix(strings.ToUpper(name), "X-SIDECAR-"):
			c.add(indexed(key, i), name, "is the sidecar's own: choose another name")
		case seen[strings.ToLower(name)]:
			c.add(indexed(key, i), name, "is there twice")
		}
		seen[strings.ToLower(name)] = true
	}
}
