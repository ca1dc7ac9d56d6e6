package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// screen is what the demo prints: one line for each thing that happens, with the seconds since the start.
type screen struct {
	start time.Time

	mu             sync.Mutex
	out            io.Writer
	proved, failed int
}

func newScreen(out io.Writer) *screen { return &screen{start: time.Now(), out: out} }

func (s *screen) line(mark, text string) {
	_, _ = fmt.Fprintf(s.out, "%7.3f  %-6s %s\n", time.Since(s.start).Seconds(), mark, text) // nobody is left to tell
}

// step says what the demo does next.
func (s *screen) step(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line("", fmt.Sprintf(format, args...))
}

// event shows one message of the feed.
func (s *screen) event(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line("event", text)
}

// prove says what was verified, or that it was not, and gives the error back.
func (s *screen) prove(what string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed++
		s.line("FAILED", what+": "+err.Error())
		return fmt.Errorf("%s: %w", what, errFailed)
	}
	s.proved++
	s.line("ok", what)
	return nil
}

// verdict is the last line.
func (s *screen) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed > 0 {
		s.line("FAILED", fmt.Sprintf("%d of %d things", s.failed, s.failed+s.proved))
		return errFailed
	}
	s.line("ok", fmt.Sprintf("all %d things are as they should be", s.proved))
	return nil
}
