//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden reads the lines of an event sequence. A file that says "unverified" in its first line follows the standard
// T-Library model, which nobody has compared with a log of a real T-Server yet.
func golden(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// expect requires that the step's desktop has seen the events of a file.
func (d *day) expect(name string) {
	d.t.Helper()
	d.feed.want(golden(d.t, name)...)
}
