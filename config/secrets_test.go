package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

func openSecrets(t *testing.T, dir string) *config.Secrets {
	t.Helper()
	secrets, err := config.OpenSecrets(dir)
	require.NoError(t, err)
	return secrets
}

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "var")
	dn := config.DN{Number: "5001"}
	first := openSecrets(t, dir)
	phone, err := first.Phone(dn)
	require.NoError(t, err)
	upstream, err := first.Upstream(dn)
	require.NoError(t, err)
	ari, err := first.Asterisk("pbx1")
	require.NoError(t, err)
	require.NotEqual(t, phone, upstream)
	require.Regexp(t, `^[a-km-np-zA-HJ-NP-Z2-9]{24}$`, phone.Reveal())
	require.Len(t, first.TokenKey(), 32)

	second := openSecrets(t, dir)
	again, err := second.Phone(dn)
	require.NoError(t, err)
	require.Equal(t, phone, again)
	again, err = second.Upstream(dn)
	require.NoError(t, err)
	require.Equal(t, upstream, again)
	again, err = second.Asterisk("pbx1")
	require.NoError(t, err)
	require.Equal(t, ari, again)
	require.Equal(t, first.TokenKey(), second.TokenKey())
}

func TestSecretsAreReadableByTheOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "var")
	secrets := openSecrets(t, dir)
	for path, want := range map[string]os.FileMode{dir: 0o700, secrets.Path(): 0o600, secrets.Path() + ".lock": 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
}

func TestSecretsOfTwoProcessesAgree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const openers, dns = 8, 20
	got := make([]map[string]config.Secret, openers)
	var wg sync.WaitGroup
	for i := range openers {
		got[i] = map[string]config.Secret{}
		secrets := openSecrets(t, dir)
		wg.Go(func() {
			for n := range dns {
				number := fmt.Sprint(5001 + n)
				password, err := secrets.Phone(config.DN{Number: number})
				if err == nil {
					got[i][number] = password
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, got[0], dns)
	for _, other := range got[1:] {
		require.Equal(t, got[0], other)
	}
}

func TestEnsureMakesAllInOneWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secrets := openSecrets(t, dir)
	dns, err := (&config.Config{DNs: []config.DNGroup{{Numbers: []string{"10000-19999"}}}}).ExpandDNs()
	require.NoError(t, err)
	require.NoError(t, secrets.Ensure([]config.Asterisk{{ID: "pbx1"}, {ID: "pbx2", Password: "own-password"}}, dns))
	before, err := os.Stat(secrets.Path())
	require.NoError(t, err)
	for _, dn := range dns {
		_, err = secrets.Phone(dn)
		require.NoError(t, err)
		_, err = secrets.Upstream(dn)
		require.NoError(t, err)
	}
	_, err = secrets.ARIPassword(config.Asterisk{ID: "pbx1"})
	require.NoError(t, err)
	require.NoError(t, secrets.Ensure(nil, dns))
	after, err := os.Stat(secrets.Path())
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "a second write would have replaced the file")
}

func TestPhonePasswordFollowsTheSetting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	table := filepath.Join(dir, "table.csv")
	require.NoError(t, os.WriteFile(table, []byte("5001,first-one\r\n5002,second,one\n"), 0o600))
	single := filepath.Join(dir, "single")
	require.NoError(t, os.WriteFile(single, []byte("shared-{dn}\n"), 0o600))
	secrets := openSecrets(t, dir)
	for setting, want := range map[config.Secret]config.Secret{
		"GenesysAgent{dn}!":             "GenesysAgent5002!",
		"literal-password":              "literal-password",
		config.Secret("file:" + table):  "second,one",
		config.Secret("file:" + single): "shared-5002",
	} {
		got, err := secrets.Phone(config.DN{Number: "5002", DNSettings: config.DNSettings{Password: setting}})
		require.NoError(t, err)
		require.Equal(t, want.Reveal(), got.Reveal())
	}
}

func TestPhoneRefusesPasswordFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no line of the DN":   "5002,second-one\n",
		"only another DN":     "5001,first-one\n5003,third-one\n",
		"two lines, no table": "secret-one\nsecret-two\n",
		"too short":           "5009,abc\n",
		"injects a line":      "5009,abcdefgh;x\n",
		"empty":               "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "passwords")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := openSecrets(t, dir).Phone(config.DN{Number: "5009", DNSettings: config.DNSettings{Password: config.Secret("file:" + path)}})
			require.ErrorIs(t, err, config.ErrPassword)
			require.ErrorContains(t, err, "DN 5009")
			require.NotContains(t, err.Error(), "-one")
		})
	}
}

func TestPhoneRefusesMissingPasswordFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := openSecrets(t, dir).Phone(config.DN{Number: "5009", DNSettings: config.DNSettings{Password: config.Secret("file:" + dir + "/none")}})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSetPhoneWinsUntilForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dn := config.DN{Number: "5001", DNSettings: config.DNSettings{Password: "GenesysAgent{dn}!"}}
	secrets := openSecrets(t, dir)
	require.NoError(t, secrets.SetPhone(dn, "chosen-by-ops"))
	got, err := openSecrets(t, dir).Phone(dn)
	require.NoError(t, err)
	require.Equal(t, "chosen-by-ops", got.Reveal())
	require.NoError(t, secrets.ForgetPhone("5001"))
	got, err = secrets.Phone(dn)
	require.NoError(t, err)
	require.Equal(t, "GenesysAgent5001!", got.Reveal())
}

func TestSetPhoneRefusesNewline(t *testing.T) {
	t.Parallel()
	err := openSecrets(t, t.TempDir()).SetPhone(config.DN{Number: "5001"}, "secret99\nallow=all")
	require.ErrorIs(t, err, config.ErrPassword)
	require.NotContains(t, err.Error(), "secret99")
}

func TestConfiguredARIPasswordWins(t *testing.T) {
	t.Parallel()
	got, err := openSecrets(t, t.TempDir()).ARIPassword(config.Asterisk{ID: "pbx1", Password: "own-password"})
	require.NoError(t, err)
	require.Equal(t, "own-password", got.Reveal())
}

func TestOpenSecretsLeavesUnusableFileAlone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"cut off":     `{"version":1,"token_key":"`,
		"empty":       "",
		"other keys":  `{"version":1,"token_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","passwords":{"5001":"hunter2hunter2"}}`,
		"no key":      `{"version":1}`,
		"new version": `{"version":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), config.SecretsFile)
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := config.OpenSecrets(filepath.Dir(path))
			require.ErrorIs(t, err, config.ErrSecretsFile)
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), "hunter2")
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, string(kept))
		})
	}
}

func TestOpenSecretsRefusesFileThatOthersRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := openSecrets(t, dir).Path()
	require.NoError(t, os.Chmod(path, 0o644))
	_, err := config.OpenSecrets(dir)
	require.ErrorIs(t, err, config.ErrSecretsFile)
	require.ErrorContains(t, err, "run chmod 0600 "+path)
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	secret := config.Secret("hunter2")
	verb := "%" + "d" // a mistaken verb, out of the sight of vet
	text, err := secret.MarshalText()
	require.NoError(t, err)
	for _, printed := range []string{fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s %q %x", secret, secret, secret, secret, secret, secret), fmt.Sprintf(verb, secret), string(text), secret.LogValue().String()} {
		require.NotContains(t, printed, "hunter2")
	}
}
