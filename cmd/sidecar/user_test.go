package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/auth"
	"sidecar/store"
)

// userCmd runs "sidecar user" on a data directory of its own.
type userCmd struct {
	t    *testing.T
	data string
}

func newUserCmdTest(t *testing.T) userCmd {
	t.Helper()
	return userCmd{t: t, data: filepath.Join(t.TempDir(), "data")}
}

func (c userCmd) run(stdin string, args ...string) (string, error) {
	c.t.Helper()
	var out bytes.Buffer
	cmd := newUserCmd(&options{environ: environ("SIDECAR_DATA_DIR=" + c.data)})
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(c.t.Context())
	return out.String(), err
}

func (c userCmd) ok(stdin string, args ...string) string {
	c.t.Helper()
	out, err := c.run(stdin, args...)
	require.NoError(c.t, err, "%v", args)
	return out
}

// login tells whether a password opens the door.
func (c userCmd) login(name, password string) error {
	c.t.Helper()
	db, err := store.OpenDB(c.t.Context(), c.data)
	require.NoError(c.t, err)
	defer func() { require.NoError(c.t, db.Close()) }()
	service, err := auth.New(auth.Options{
		Directory: auth.NewDirectory(db, nil), Revocations: db, Key: make([]byte, 32), TokenLife: time.Minute, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(c.t, err)
	_, _, err = service.Login(c.t.Context(), name, password, "")
	return err
}

func TestUserAddAndPasswd(t *testing.T) {
	t.Parallel()
	c := newUserCmdTest(t)

	require.Equal(t, "added supervisor boss\n", c.ok("the first one\n", "add", "boss", "--role", "supervisor", "--team", "red"))
	require.NoError(t, c.login("boss", "the first one"))

	file := filepath.Join(t.TempDir(), "pw")
	require.NoError(t, os.WriteFile(file, []byte("from a file\nsecond line\n"), 0o600))
	require.Equal(t, "changed the password of boss\n", c.ok("", "passwd", "boss", "--password-file", file))
	require.NoError(t, c.login("boss", "from a file"))
	require.ErrorIs(t, c.login("boss", "the first one"), auth.ErrBadCredentials)

	out := c.ok("", "passwd", "boss", "--random")
	_, password, found := strings.Cut(strings.TrimSpace(out), "password of boss: ")
	require.True(t, found, out)
	require.NoError(t, c.login("boss", password))
}

func TestUserDisable(t *testing.T) {
	t.Parallel()
	c := newUserCmdTest(t)
	c.ok("the password", "add", "5001", "--dns", "5001,5002")
	require.Equal(t, "disabled 5001\n", c.ok("", "disable", "5001"))
	require.ErrorIs(t, c.login("5001", "the password"), auth.ErrBadCredentials)
	require.Regexp(t, `5001 +agent +- +5001 5002 +disabled`, c.ok("", "list"))
	require.Equal(t, "enabled 5001\n", c.ok("", "enable", "5001"))
	require.NoError(t, c.login("5001", "the password"))
}

func TestUserRefused(t *testing.T) {
	t.Parallel()
	c := newUserCmdTest(t)
	c.ok("the password", "add", "root", "--role", "admin")
	cases := []struct {
		stdin string
		args  []string
		want  string
	}{
		{"the password", []string{"add", "Root"}, `add user "Root": a user of that name exists already`},
		{"the password", []string{"add", "x", "--role", "boss"}, "role: must be agent, supervisor or admin"},
		{"the password", []string{"add", "x", "--dns", "6001"}, "dns[0]: 6001 is not a DN of this sidecar: see dns in the configuration"},
		{"short", []string{"add", "x"}, "password: must have at least 8 characters"},
		{"", []string{"add", "x"}, errNoPassword.Error()},
		{"", []string{"add", "x", "--random", "--password-file", "y"}, errPasswordSource.Error()},
		{"", []string{"passwd", "nobody", "--random"}, `user "nobody": no such user`},
		{"", []string{"disable", "root"}, `change user "root": this is the last enabled admin: make another one first`},
		{"", []string{"add", "x", "the password"}, "accepts 1 arg(s), received 2"},
	}
	for _, tc := range cases {
		out, err := c.run(tc.stdin, tc.args...)
		require.EqualError(t, err, tc.want)
		require.Empty(t, out)
	}
}

func TestUserImport(t *testing.T) {
	t.Parallel()
	c := newUserCmdTest(t)
	file := "user, password, role, team, dns\n5001, the password, agent, red, 5001 5002\n5003,, agent, red, 5003\n"

	out := c.ok(file, "import", "-")
	require.Equal(t, "added 2 users; random passwords are in "+filepath.Join(c.data, "credentials.txt")+"\n", out)
	require.NoError(t, c.login("5001", "the password"))
	credentials := readCredentials(t, c.data)
	require.NotContains(t, credentials, "5001", "only passwords that nobody knows are written down")
	require.NoError(t, c.login("5003", credentials["5003"]))

	listed := c.ok("", "list", "--csv")
	require.Equal(t, "user,role,display_name,team,dns\n5001,agent,,red,5001 5002\n5003,agent,,red,5003\n", listed)
	again := newUserCmdTest(t)
	again.ok(listed, "import", "-")
	require.Equal(t, listed, again.ok("", "list", "--csv"), "what list prints can be imported")
}

func TestUserImportRefused(t *testing.T) {
	t.Parallel()
	c := newUserCmdTest(t)
	c.ok("the password", "add", "taken")
	cases := map[string]string{
		"user,role\nnew,agent\nx,boss\n":      "standard input, line 3: role: must be agent, supervisor or admin",
		"user,role\nnew,agent\nNEW,agent\n":   "standard input, line 3: the file has this user twice",
		"user,role\nnew,agent\ntaken,agent\n": `add users: user "taken": a user of that name exists already`,
		"user,role,pin\nnew,agent,1\n":        `standard input, line 1: column "pin": user, password, role, display_name, team and dns are the columns`,
		"user,user,role\nnew,new,agent\n":     `standard input, line 1: column "user": the column is there twice`,
		"user\nnew\n":                         "standard input, line 1: the columns user and role are needed",
		"user,role\n":                         "standard input: the file has no users",
		"user,role\nnew\n":                    "standard input: record on line 2: wrong number of fields",
		"":                                    "standard input: EOF",
	}
	for file, want := range cases {
		_, err := c.run(file, "import", "-")
		require.EqualError(t, err, want)
	}
	require.NotContains(t, c.ok("", "list"), "new", "nothing of a refused file is taken")
	require.NoFileExists(t, filepath.Join(c.data, "credentials.txt"))
}

func TestUserBootstrap(t *testing.T) {
	t.Parallel()
	c := newUserCmdTest(t)
	path := filepath.Join(c.data, "credentials.txt")
	require.Equal(t, "made 22 users; their passwords are in "+path+"\n", c.ok("", "bootstrap"))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	first := readCredentials(t, c.data)
	require.Len(t, first, 22)
	for _, name := range []string{"admin", "supervisor", "5001", "5020"} {
		require.NoError(t, c.login(name, first[name]), name)
	}

	require.Contains(t, c.ok("", "bootstrap"), "all first users are there already")
	require.Equal(t, first, readCredentials(t, c.data))
}

func TestOpenAPICommand(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := newOpenAPICmd()
	cmd.SetArgs([]string{})
	cmd.SetOut(&out)
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	var doc struct{ OpenAPI string }
	require.NoError(t, json.Unmarshal(out.Bytes(), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
}

func readCredentials(t *testing.T, data string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "credentials.txt"))
	require.NoError(t, err)
	passwords := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(line, "\t"); len(fields) == 4 {
			passwords[fields[0]] = fields[1]
		}
	}
	return passwords
}
