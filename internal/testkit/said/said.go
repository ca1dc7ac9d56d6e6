// Package said shows what a process had to say when its test has failed: the end of it in the test's output, all of it in a file
// among the test's artifacts.
package said

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shown is how many lines of a log are in the output of the test: more would hide what failed.
const shown = 60

// Keep writes the text to a file that is named after what has said it, and logs the end of it.
func Keep(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(t.ArtifactDir(), strings.ReplaceAll(name, " ", "_")+".log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Errorf("keep the log of %s: %v", name, err)
	}
	lines := strings.SplitAfter(text, "\n")
	t.Logf("%s (all of it with -artifacts: %s) ends with:\n%s", name, path, strings.Join(lines[max(0, len(lines)-shown):], ""))
}
