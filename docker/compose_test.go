//go:build compose

// Package docker_test is run by scripts/compose-test.sh against services that it has started.
package docker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
)

const (
	patience     = 30 * time.Second
	agentTone    = 450
	customerTone = 1010
)

func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv("COMPOSE_TEST_" + name)
	require.NotEmpty(t, value, "COMPOSE_TEST_%s is not set: run make compose-test", name)
	return value
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// compose runs a subcommand of docker compose.
func compose(t *testing.T, args ...string) {
	t.Helper()
	words := append(strings.Fields(setting(t, "COMMAND")), args...)
	out, err := exec.CommandContext(soon(t), words[0], words[1:]...).CombinedOutput() // #nosec G204 -- the script's own command
	require.NoError(t, err, "compose %s: %s", strings.Join(args, " "), out)
}

// client is a supervisor's REST client.
type client struct{ base, token string }

func (c *client) do(t *testing.T, method, path string, body, into any) int {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(soon(t), method, c.base+path, bytes.NewReader(text))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0 // nobody listens while the sidecar restarts
	}
	defer func() { require.NoError(t, res.Body.Close()) }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	if into != nil && res.StatusCode == http.StatusOK {
		require.NoError(t, json.Unmarshal(answer, into), "%s", answer)
	}
	return res.StatusCode
}

func (c *client) login(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(setting(t, "CREDENTIALS"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(line, "\t"); len(fields) >= 3 && fields[2] == "supervisor" {
			var answer struct {
				Token string `json:"token"`
			}
			status := c.do(t, http.MethodPost, "/api/v1/login", map[string]string{"user": fields[0], "password": fields[1]}, &answer)
			require.Equal(t, http.StatusOK, status)
			c.token = answer.Token
			return
		}
	}
	require.Fail(t, "no supervisor in the credentials")
}

// established is the id of the only call if the DN talks in it.
func (c *client) established(t *testing.T, dn string) string {
	t.Helper()
	var answer struct {
		Calls []struct {
			ID      string `json:"id"`
			Parties []struct {
				DN    string `json:"dn"`
				State string `json:"state"`
			} `json:"parties"`
		} `json:"calls"`
	}
	if c.do(t, http.MethodGet, "/api/v1/calls", nil, &answer) != http.StatusOK || len(answer.Calls) != 1 {
		return ""
	}
	for _, party := range answer.Calls[0].Parties {
		if party.DN == dn && party.State == "Established" {
			return answer.Calls[0].ID
		}
	}
	return ""
}

func (c *client) waitEstablished(t *testing.T, dn string) (id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		id = c.established(t, dn)
		return id != ""
	}, patience, 50*time.Millisecond, "the call of DN %s is not listed", dn)
	return id
}

func password(t *testing.T, dn string) string {
	t.Helper()
	text, err := os.ReadFile(setting(t, "DN_SECRETS"))
	require.NoError(t, err)
	var list []struct {
		Number   string `json:"number"`
		Password string `json:"password"`
	}
	require.NoError(t, json.Unmarshal(text, &list))
	for _, entry := range list {
		if entry.Number == dn {
			return entry.Password
		}
	}
	require.Fail(t, "no password of DN "+dn)
	return ""
}

func newPhone(t *testing.T, o phone.Options) *phone.Phone {
	t.Helper()
	o.Server = setting(t, "SIP")
	p, err := phone.New(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func talk(t *testing.T, customer, agent *phone.Call) {
	t.Helper()
	require.NoError(t, customer.WaitTone(soon(t), agentTone), "the customer hears the agent")
	require.NoError(t, agent.WaitTone(soon(t), customerTone), "the agent hears the customer")
}

// A call outlives the container of the sidecar, whether it is stopped or killed, and is under its control again afterwards.
func TestCallSurvivesTheSidecar(t *testing.T) {
	for name, interrupt := range map[string][][]string{
		"restarted": {{"restart", "sidecar"}},
		"killed":    {{"kill", "-s", "KILL", "sidecar"}, {"start", "sidecar"}},
	} {
		t.Run(name, func(t *testing.T) {
			rest := &client{base: setting(t, "API")}
			rest.login(t)
			agentPhone := newPhone(t, phone.Options{User: "5001", Password: password(t, "5001"), Tone: agentTone})
			require.NoError(t, agentPhone.Register(soon(t), time.Minute))
			customerPhone := newPhone(t, phone.Options{User: "0401112233", Bind: setting(t, "CUSTOMER"), Tone: customerTone})

			customer, err := customerPhone.Dial(soon(t), "0301234567")
			require.NoError(t, err)
			agent, err := agentPhone.WaitCall(soon(t))
			require.NoError(t, err)
			require.NoError(t, agent.Answer(soon(t)))
			talk(t, customer, agent)
			id := rest.waitEstablished(t, "5001")

			for i, command := range interrupt {
				compose(t, command...)
				if i < len(interrupt)-1 {
					require.Empty(t, rest.established(t, "5001"), "the sidecar is gone")
				}
				talk(t, customer, agent)
			}
			require.Equal(t, id, rest.waitEstablished(t, "5001"), "the same call as before")
			require.NotEqual(t, phone.Ended, customer.State())

			require.Equal(t, http.StatusOK, rest.do(t, http.MethodPost, "/api/v1/calls/"+id+"/hangup", nil, nil))
			require.NoError(t, customer.WaitState(soon(t), phone.Ended))
			require.NoError(t, agent.WaitState(soon(t), phone.Ended))
		})
	}
}
