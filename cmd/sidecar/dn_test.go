package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func dn(t *testing.T, o *options, stdin string, args ...string) string {
	t.Helper()
	out, err := run(t, newDNCmd(o), stdin, args...)
	require.NoError(t, err)
	return out
}

func TestDNAddListRemove(t *testing.T) {
	t.Parallel()
	o := place(t, "dns: [{numbers: ['5001-5003']}]\n")
	dn(t, o, "", "add", "6001-6004", "6100", "--owner", "phone", "--fallback", "voicemail:6001")
	list := dn(t, o, "", "list")
	require.Regexp(t, `5001 +sidecar +from-agents +default +- +dns\[0\].numbers\[0\] of .*site.yaml:1`, list)
	require.Regexp(t, `6100 +phone +from-agents +default +voicemail:6001 +dns.yaml`, list)

	before := dn(t, o, "", "export", "--secrets", "--out", "-")
	dn(t, o, "", "remove", "6002-6003")
	cfg, _, err := o.load()
	require.NoError(t, err)
	managed, err := config.LoadManagedDNs(cfg.DataDir)
	require.NoError(t, err)
	require.Equal(t, []string{"6001", "6004", "6100"}, managed[0].Numbers)

	dn(t, o, "", "add", "6002-6003", "--owner", "phone", "--fallback", "voicemail:6001")
	after := dn(t, o, "", "export", "--secrets", "--out", "-")
	require.Equal(t, line(before, "6001"), line(after, "6001"))
	require.NotEqual(t, line(before, "6002"), line(after, "6002"), "a DN that comes again has a new password")
}

func line(table, number string) string {
	for text := range strings.Lines(table) {
		if strings.HasPrefix(text, number+",") {
			return text
		}
	}
	return ""
}

func TestDNRefuses(t *testing.T) {
	t.Parallel()
	o := place(t, "dns: [{numbers: ['5001-5003']}]\n")
	two := filepath.Join(t.TempDir(), "two.csv")
	require.NoError(t, os.WriteFile(two, []byte("number,owner\n7001,phone\n7001,phone\n"), 0o600))
	for _, tc := range []struct {
		rule string
		args []string
	}{
		{"site.yaml:1", []string{"remove", "5002"}},
		{"no such DN", []string{"remove", "9999"}},
		{"write 5001-5020", []string{"add", "5020-5001"}},
		{"exists already: dns[0].numbers[0]", []string{"add", "5003"}},
		{"not a target", []string{"add", "6001", "--fallback", "nowhere"}},
		{`dn add: owner: "nobody": must be one of`, []string{"add", "6001", "--owner", "nobody"}},
		{"--max-calls: 0: max_calls must be from 1 to 1000", []string{"add", "6001", "--max-calls", "0"}},
		{"--max-calls: 1001:", []string{"add", "6001", "--max-calls", "1001"}},
		{"no such DN", []string{"set-password", "6001"}},
		{"a random password is for one DN", []string{"set-password", "5001-5002", "--random"}},
		{"--secrets needs --out", []string{"export", "--secrets"}},
		{"csv or json", []string{"export", "--format", "xml"}},
		{"another line of the import", []string{"import", two}},
	} {
		_, err := run(t, newDNCmd(o), "long-enough-password\n", tc.args...)
		require.ErrorContains(t, err, tc.rule, tc.args)
	}
	cfg, _, err := o.load()
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(cfg.DataDir, config.ManagedFile), "nothing is half applied")
}

func TestDNImportRefusesBadTables(t *testing.T) {
	t.Parallel()
	o := place(t, "")
	for table, rule := range map[string]string{
		"number,colour\n6001,red\n":                  `line 1: "colour": unknown column`,
		"number,max_calls\n6001,many\n":              "line 2: column max_calls",
		"owner\nphone\n":                             "line 1: the column number is missing",
		"number,owner\n,phone\n":                     "line 2: the number is empty",
		"number,max_calls\n6001,0\n":                 "line 2: column max_calls: 0: max_calls must be from 1 to 1000",
		"number,increment\n6001,perhaps\n":           `line 2: column increment: "perhaps": must be true or false`,
		"number,number\n1,2\n":                       `line 1: "number": the column is there twice`,
		"number,owner\n6001,phone\n6002,nob\n":       `line 3: owner: "nob": must be one of`,
		"number,class\n\n6001,\"x\ny\"\n6002,none\n": `line 5: class: "none"`,
		"number,owner\n6001\n":                       "not a CSV table",
		"":                                           "line 1: the column number is missing",
		"number,password\n6001,with\"quote\n":        "not a CSV table",
		"number,password\n6001,short\n":              "password",
	} {
		_, err := run(t, newDNCmd(o), table, "import", "-")
		require.ErrorContains(t, err, rule, table)
	}
	for list, rule := range map[string]string{
		`[{"nummer":"6001"}]`: "nummer",
		`[{"number":"6001"},{"number":"6002","max_calls":"3"}]`: "entry 2: max_calls: must be a whole number, not a JSON string",
		`[{"number":6001}]`:                     "entry 1: number: must be a text in quotes, not a JSON number",
		`[{"number":"6001","codecs":"alaw"}]`:   "entry 1: codecs: must be a list",
		`[{"number":"6001","increment":"yes"}]`: "entry 1: increment: must be true or false, not a JSON string",
		`[{"number":"6001","max_calls":0}]`:     "entry 1: 0: max_calls must be from 1 to 1000",
		`["6001"]`:                              "entry 1: must be one list of objects: a string stands among them",
		`{"number":"6001"}`:                     "must be one list of objects",
		`[{"number":"6001","owner":"nob"}]`:     `entry 1: owner: "nob"`,
	} {
		_, err := run(t, newDNCmd(o), list, "import", "-", "--format", "json")
		require.ErrorContains(t, err, rule, list)
	}
}

// Spreadsheets begin a CSV file with a byte order mark.
func TestDNImportTakesAByteOrderMark(t *testing.T) {
	t.Parallel()
	o := place(t, "")
	dn(t, o, "\ufeffnumber,owner\n6001,phone\n", "import", "-")
	require.Contains(t, dn(t, o, "", "list"), "6001")
}

// Neither Asterisk nor the daemon sees a change by itself.
func TestDNChangesSayWhatIsNext(t *testing.T) {
	t.Parallel()
	o := place(t, "dns: [{numbers: ['5001']}]\n")
	for _, args := range [][]string{
		{"add", "6001", "--max-calls", "3"}, {"set-password", "6001"}, {"remove", "6001"}, {"import", "-"},
	} {
		stdin := "long-enough-password\n"
		if args[0] == "import" {
			stdin = "number\n7001\n"
		}
		require.Contains(t, dn(t, o, stdin, args...), "sidecar generate --apply", args)
	}
}

func TestDNTablesGoOutAndIn(t *testing.T) {
	t.Parallel()
	from := place(t, "dns: [{numbers: ['5001']}]\n")
	dn(t, from, "number,owner,password,increment,codecs,fallback\n6001-6003,phone,Start-098,true,alaw ulaw,message:closed\n", "import", "-")
	for _, format := range []string{"csv", "json"} {
		file := filepath.Join(t.TempDir(), "dns."+format)
		dn(t, from, "", "export", "--secrets", "--out", file, "--format", format)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		_, err = run(t, newDNCmd(from), "", "export", "--secrets", "--out", file)
		require.ErrorIs(t, err, fs.ErrExist)

		to := place(t, "dns: [{numbers: ['4000']}]\n")
		dn(t, to, "", "import", file)
		want := dn(t, from, "", "export", "--secrets", "--out", "-")
		got := dn(t, to, "", "export", "--secrets", "--out", "-")
		for _, number := range []string{"5001", "6001", "6002", "6003"} {
			require.Equal(t, line(want, number), line(got, number), format)
		}
		require.Contains(t, line(got, "6003"), "Start-100")
		require.NotContains(t, dn(t, to, "", "export"), "Start-")
	}
}

func TestDNSetPassword(t *testing.T) {
	t.Parallel()
	o := place(t, "dns: [{numbers: ['5001-5003']}]\n")
	dn(t, o, "GenesysAgent{dn}!\n", "set-password", "5001-5002")
	table := dn(t, o, "", "export", "--secrets", "--out", "-")
	require.Contains(t, line(table, "5001"), "GenesysAgent5001!")
	require.Contains(t, line(table, "5002"), "GenesysAgent5002!")
	require.NotContains(t, line(table, "5003"), "Genesys")
	_, err := run(t, newDNCmd(o), "short\n", "set-password", "5001")
	require.ErrorIs(t, err, config.ErrPassword)
	require.NotContains(t, err.Error(), "short\"")
}
