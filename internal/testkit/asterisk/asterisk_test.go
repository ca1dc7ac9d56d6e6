package asterisk_test

import (
	"encoding/json"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/testkit/asterisk"
)

const ariPassword = "ari-password-of-a-test"

func start(t *testing.T) (*asterisk.Instance, asterisk.Ports) {
	t.Helper()
	ports := asterisk.FreeAsteriskPorts(t)
	conf := asterisk.MinimalConf(t, asterisk.Minimal{
		Ports:       ports,
		ARIPassword: ariPassword,
		Phones:      []asterisk.Phone{{User: "5001", Password: "secret1"}, {User: "5002", Password: "secret2"}},
		Trunks:      []asterisk.Trunk{{Name: "carrier", Port: asterisk.FreePorts(t, 1)[0]}},
	})
	return asterisk.Start(t, asterisk.Options{ConfDir: conf}), ports
}

// systemVersion asks ARI, so that a right answer shows a booted Asterisk, its HTTP server and its ARI user.
func systemVersion(t *testing.T, ports asterisk.Ports) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ports.ARIURL()+"/asterisk/info", http.NoBody)
	require.NoError(t, err)
	req.SetBasicAuth(asterisk.ARIUser, ariPassword)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"system"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&info))
	return info.System.Version
}

func TestStartAnswersOnEveryDoor(t *testing.T) {
	t.Parallel()
	i, ports := start(t)

	require.Contains(t, i.RequireCLI("core show version"), "Asterisk 22.")
	require.Regexp(t, `^22\.`, systemVersion(t, ports))
	endpoints := i.RequireCLI("pjsip show endpoints")
	for _, name := range []string{"5001", "5002", "carrier"} {
		require.Contains(t, endpoints, name)
	}
	require.Contains(t, i.RequireCLI("dialplan show from-trunk"), "Stasis(sidecar,from-trunk,")
	require.Empty(t, i.Warnings())
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	i, ports := start(t)
	first, done := i.PID(), i.Done()

	i.Kill()
	require.ErrorIs(t, syscall.Kill(first, 0), syscall.ESRCH)
	select {
	case <-done:
	default:
		t.Fatal("Done of a killed instance is open")
	}
	_, err := i.CLI(t.Context(), "core show version")
	require.Error(t, err)

	i.Restart()
	require.NotEqual(t, first, i.PID())
	require.NotEmpty(t, systemVersion(t, ports))
}

func TestRestartOfARunningOneKeepsTheDatabase(t *testing.T) {
	t.Parallel()
	i, ports := start(t)
	first := i.PID()
	i.RequireCLI("database put test colour red")

	i.Restart()
	require.Contains(t, i.RequireCLI("database get test colour"), "red")
	require.ErrorIs(t, syscall.Kill(first, 0), syscall.ESRCH)
	require.NotEmpty(t, systemVersion(t, ports))
}

func TestStopEndsTheProcess(t *testing.T) {
	t.Parallel()
	i, _ := start(t)
	pid := i.PID()

	i.Stop()
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	i.Stop()
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	a, portsA := start(t)
	b, portsB := start(t)

	a.RequireCLI("database put test whose a")
	require.NotContains(t, b.RequireCLI("database show test"), "whose")
	require.NotEqual(t, portsA, portsB)
	require.NotEmpty(t, systemVersion(t, portsA))
	require.NotEmpty(t, systemVersion(t, portsB))
}
