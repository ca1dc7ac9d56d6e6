package api_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/api"
)

func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	m.Run()
}

type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Summary     string
		Tags        []string
		Security    []map[string][]string
		Responses   map[string]struct{ Content map[string]json.RawMessage }
	}
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]json.RawMessage
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := api.Document("test")
	require.NoError(t, err)
	golden := filepath.Join("testdata", "openapi.json")
	if update() {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, text, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text), "the API has changed: if that is meant, run the test with -update")
	s := newSystem(t)
	require.Equal(t, string(text), s.send("GET", "/openapi.json", "", "").body, "the daemon serves what the command prints")
}

func TestEveryOperationIsDescribed(t *testing.T) {
	t.Parallel()
	text, err := api.Document("test")
	require.NoError(t, err)
	var doc document
	require.NoError(t, json.Unmarshal(text, &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	public := map[string]bool{"login": true, "healthz": true, "readyz": true, "eventsSchema": true}
	seen := map[string]bool{}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			require.False(t, seen[op.OperationID], "operation ids are unique")
			seen[op.OperationID] = true
			require.NotEmpty(t, op.Summary, path)
			require.Len(t, op.Tags, 1, path)
			if public[op.OperationID] {
				require.Equal(t, []map[string][]string{{}}, op.Security, path)
			} else {
				require.Len(t, op.Security, 2, path)
				require.Contains(t, op.Responses, "401", path)
				require.Contains(t, op.Responses, "403", path)
			}
			if method != "get" && method != "delete" {
				require.Contains(t, op.Responses, "400", path)
			}
			for status, response := range op.Responses {
				if status < "400" {
					continue
				}
				require.NotEqual(t, "default", status)
				require.Contains(t, response.Content, "application/problem+json", "%s %s %s", method, path, status)
			}
		}
	}
	for _, d := range doors() {
		path := strings.NewReplacer("agents/5001", "agents/{dn}", "/C", "/{id}", "/M", "/{id}", "?all=true", "", "users/a", "users/{user}", "queues/sales", "queues/{name}", "dns/5001", "dns/{dn}", "webhooks/crm", "webhooks/{name}", "letters/1", "letters/{id}").Replace(d.path)
		require.Contains(t, doc.Paths[path], strings.ToLower(d.method), "every operation is tested without a token")
	}
	require.Len(t, seen, len(doors())+len(public), "doors() lists every operation that needs a token")
	require.NotContains(t, doc.Components.Schemas, "ErrorModel")
	require.NotContains(t, string(text), "$schema")
	for name := range doc.Components.Schemas {
		require.Contains(t, string(text), `"#/components/schemas/`+name+`"`, "no schema is without use")
	}
	require.Equal(t, http.StatusOK, newSystem(t).send("GET", "/openapi.json", "", "").status)
}
