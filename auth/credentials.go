package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CredentialsFile is the name, in the data directory, of the file with the passwords of the first users.
const CredentialsFile = "credentials.txt"

const fileHead = `# First credentials of this sidecar: user, password, role, DNs, separated by tabs.
# A password that is changed later is not changed here. "sidecar user passwd USER" sets a new one.
`

// without gives the wanted users whose names are free.
func without(wanted []NewUser, have []User) []NewUser {
	taken := make(map[string]bool, len(have))
	for _, u := range have {
		taken[strings.ToLower(u.Name)] = true
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(n NewUser) bool { return taken[strings.ToLower(n.Name)] })
}

// writeCredentials puts the passwords that it knows into the file, in place of lines that it had for them. The file is
// replaced as a whole, so that a crash leaves the old one or the new one.
func writeCredentials(file string, users []User, passwords map[string]string) error {
	users = slices.DeleteFunc(slices.Clone(users), func(u User) bool { return passwords[u.Name] == "" })
	if len(users) == 0 {
		return nil
	}
	lines, err := credentialLines(file)
	if err != nil {
		return err
	}
	for _, u := range users {
		lines = slices.DeleteFunc(lines, func(l string) bool {
			name, _, _ := strings.Cut(l, "\t")
			return strings.EqualFold(name, u.Name)
		})
		lines = append(lines, strings.Join([]string{u.Name, passwords[u.Name], string(u.Role), strings.Join(u.DNs, ",")}, "\t"))
	}
	if err := replaceFile(file, fileHead+strings.Join(lines, "\n")+"\n"); err != nil {
		return fmt.Errorf("write the first credentials: %w", err)
	}
	return nil
}

func credentialLines(file string) ([]string, error) {
	text, err := os.ReadFile(file) // #nosec G304 -- a file of our own data directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the first credentials: %w", err)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool {
		return l == "" || strings.HasPrefix(l, "#")
	}), nil
}

// replaceFile writes text to a new file beside the old one, readable by the owner only (CreateTemp makes it
// 0600), and puts it in the old one's place.
func replaceFile(file, text string) error {
	next, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(next.Name()) }() // nothing is left to remove after the rename
	_, err = next.WriteString(text)
	if err == nil {
		err = next.Sync()
	}
	if closeErr := next.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(next.Name(), file)
}
