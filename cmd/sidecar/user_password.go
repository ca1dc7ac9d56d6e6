package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sidecar/auth"
	"sidecar/cmd/internal/terminal"
)

var (
	errNoPassword     = errors.New("no password was given: type one, pipe one in, or use --random or --password-file")
	errPasswordsVary  = errors.New("the two passwords are not the same: start anew")
	errPasswordSource = errors.New("--random and --password-file exclude each other")
)

// passwordSource says where a command takes a password from. There is no flag for the password itself: other users
// of the machine could read it in the list of processes.
type passwordSource struct {
	random bool
	file   string
}

func (s *passwordSource) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.random, "random", false, "make a random password and print it")
	cmd.Flags().StringVar(&s.file, "password-file", "", "take the password from the first line of `FILE`")
}

// read gives the password for a user: random, from a file, typed at the terminal, or from standard input.
func (s *passwordSource) read(cmd *cobra.Command, user string) (string, error) {
	switch {
	case s.random && s.file != "":
		return "", errPasswordSource
	case s.random:
		return auth.RandomPassword(), nil
	case s.file != "":
		f, err := os.Open(s.file) // #nosec G304 -- the file that the user names
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		password, err := firstLine(bufio.NewReader(f))
		return password, errors.Join(err, f.Close())
	}
	if in, ok := terminal.Of(cmd.InOrStdin()); ok {
		return ask(cmd, in, user)
	}
	return firstLine(bufio.NewReader(cmd.InOrStdin()))
}

// report tells what was done; a random password is told here and nowhere else.
func (s *passwordSource) report(cmd *cobra.Command, user, done, password string) error {
	if err := say(cmd, "%s", done); err != nil || !s.random {
		return err
	}
	return say(cmd, "password of %s: %s", user, password)
}

func firstLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errNoPassword
	}
	return line, nil
}

// ask has the password typed twice: nobody sees what they type.
func ask(cmd *cobra.Command, in *os.File, user string) (string, error) {
	typed, err := terminal.Hidden(cmd.Context(), in, cmd.ErrOrStderr(), "Password for "+user+": ", "The same again: ")
	switch {
	case err != nil:
		return "", fmt.Errorf("%w (%w)", errNoPassword, err)
	case typed[0] != typed[1]:
		return "", errPasswordsVary
	case typed[0] == "":
		return "", errNoPassword
	}
	return typed[0], nil
}
