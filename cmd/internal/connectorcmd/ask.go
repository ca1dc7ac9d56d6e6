package connectorcmd

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

// ask has the password typed at the terminal, without showing it where that can be kept from the screen.
func ask(cmd *cobra.Command, terminal *os.File, user string) (string, error) {
	if show, err := hide(cmd.Context(), terminal); err == nil {
		defer show()
	}
	cmd.PrintErr("Password of " + user + ": ")
	line, err := bufio.NewReader(terminal).ReadString('\n')
	cmd.PrintErrln()
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
