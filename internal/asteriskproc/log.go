package asteriskproc

import (
	"os"
	"regexp"
	"strings"
)

// Log returns the complete log of all runs so far: notices, warnings, errors, verbose messages, and whatever the process
// printed by itself (a failed assertion, a message from before its logger was up).
func (i *Instance) Log() string {
	full, _ := os.ReadFile(i.lay.fullLog())    // absent before the first start got far enough
	console, _ := os.ReadFile(i.lay.console()) // the same
	if len(console) == 0 {
		return string(full)
	}
	return string(console) + string(full)
}

// Warnings returns the WARNING and ERROR lines of the log.
func (i *Instance) Warnings() []string {
	// "[Nov 21 07:00:00] WARNING[123][C-00000001]: file.c:45 function: text"
	level := regexp.MustCompile(`\] (WARNING|ERROR)\[\d+\]`)
	var lines []string
	for line := range strings.Lines(i.Log()) {
		if level.MatchString(line) {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return lines
}

// Tail returns the last n lines of text.
func Tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
