package arispec_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/tools/arispec"
)

func committed(t *testing.T) *arispec.Inventory {
	t.Helper()
	inv, err := arispec.Committed()
	require.NoError(t, err)
	return inv
}

func TestCommittedInventoryIsWhole(t *testing.T) {
	t.Parallel()
	inv := committed(t)
	require.Equal(t, "22", arispec.Major(inv.Version))
	names := map[string]int{}
	for _, r := range inv.Resources {
		names[r.Name] = len(r.Operations)
	}
	require.Equal(t, map[string]int{
		"applications": 5, "asterisk": 16, "bridges": 18, "channels": 35, "deviceStates": 4, "endpoints": 7,
		"events": 3, "mailboxes": 4, "playbacks": 3, "recordings": 12, "sounds": 2,
	}, names)
	require.Len(t, inv.Events, 45)
	require.True(t, inv.IsEvent("StasisStart"))
	require.False(t, inv.IsEvent("Channel"))
}

func TestInventoryHoldsNoForeignText(t *testing.T) {
	t.Parallel()
	inv := committed(t)
	raw, err := inv.Marshal()
	require.NoError(t, err)
	// A sentence needs blanks; only one name has one.
	blanks := regexp.MustCompile(`"\w[^":\n]* [^":\n]*"`).FindAllString(string(raw), -1)
	require.Equal(t, []string{`"Dialing Offhook"`}, blanks)
	again, err := arispec.Parse(raw)
	require.NoError(t, err)
	require.Equal(t, inv, again)
	file, err := os.ReadFile("inventory.json")
	require.NoError(t, err)
	require.Equal(t, string(file), string(raw), "the file is what Marshal writes")
}

func TestMatchPrefersLiterals(t *testing.T) {
	t.Parallel()
	inv := committed(t)
	for request, want := range map[[2]string]string{
		{"POST", "/channels/externalMedia"}:         "externalMedia",
		{"POST", "/channels/create"}:                "create",
		{"POST", "/channels/c1"}:                    "originateWithId",
		{"DELETE", "/channels/c%2F1"}:               "hangup",
		{"PUT", "/endpoints/sendMessage"}:           "sendMessage",
		{"GET", "/asterisk/config/dynamic/a/b/c"}:   "getObject",
		{"POST", "/bridges/b/videoSource/channel1"}: "setVideoSource",
	} {
		op, ok := inv.Match(request[0], request[1])
		require.True(t, ok, request)
		require.Equal(t, want, op.Name)
	}
	for _, request := range [][2]string{{"GET", "/nothing"}, {"DELETE", "/channels/"}, {"DELETE", "/channels"}, {"PATCH", "/channels/c1"}} {
		_, ok := inv.Match(request[0], request[1])
		require.False(t, ok, request)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(inst *arispec.Inventory)
		want   error
		text   string
	}{
		"same":          {func(*arispec.Inventory) {}, nil, ""},
		"newer 22":      {func(i *arispec.Inventory) { i.Version = "22.12.0" }, nil, ""},
		"another major": {func(i *arispec.Inventory) { i.Version = "23.1.0" }, arispec.ErrMajorVersion, "23.1.0"},
		"more": {func(i *arispec.Inventory) {
			i.Events = append(i.Events, "New")
			i.Models = append(i.Models, arispec.Model{Name: "New"})
			i.Models[0].Fields = append(i.Models[0].Fields, arispec.Field{Name: "new", Type: "string"})
			op := &i.Resources[0].Operations[1]
			op.Params = append(op.Params, arispec.Param{Name: "new", In: "query", Type: "string"})
		}, nil, ""},
		"operation gone": {func(i *arispec.Inventory) { i.Resources[0].Operations = i.Resources[0].Operations[1:] }, arispec.ErrNotSuperset, "GET /applications is gone"},
		"other result":   {func(i *arispec.Inventory) { i.Resources[0].Operations[0].Returns = "void" }, arispec.ErrNotSuperset, "returns void"},
		"parameter gone": {func(i *arispec.Inventory) { i.Resources[0].Operations[1].Params = nil }, arispec.ErrNotSuperset, "parameter applicationName"},
		"other type":     {func(i *arispec.Inventory) { i.Resources[0].Operations[1].Params[0].Type = "int" }, arispec.ErrNotSuperset, "is int, not string"},
		"value gone":     {func(i *arispec.Inventory) { param(i, "operation").Values = []string{"pause"} }, arispec.ErrNotSuperset, "no longer takes restart"},
		"values free":    {func(i *arispec.Inventory) { param(i, "operation").Values = nil }, nil, ""},
		"new requirement": {func(i *arispec.Inventory) {
			op := &i.Resources[0].Operations[0]
			op.Params = append(op.Params, arispec.Param{Name: "must", In: "query", Required: true})
		}, arispec.ErrNotSuperset, "new required parameter must"},
		"model gone":     {func(i *arispec.Inventory) { i.Models = i.Models[1:] }, arispec.ErrNotSuperset, "model Application is gone"},
		"field gone":     {func(i *arispec.Inventory) { i.Models[0].Fields = i.Models[0].Fields[1:] }, arispec.ErrNotSuperset, "field bridge_ids of Application is gone"},
		"field type":     {func(i *arispec.Inventory) { i.Models[0].Fields[0].Type = "int" }, arispec.ErrNotSuperset, "is int, not"},
		"field may lack": {func(i *arispec.Inventory) { i.Models[0].Fields[0].Required = false }, arispec.ErrNotSuperset, "no longer always there"},
		"event gone":     {func(i *arispec.Inventory) { i.Events = i.Events[1:] }, arispec.ErrNotSuperset, "event ApplicationMoveFailed is gone"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			installed := committed(t)
			tc.change(installed)
			err := committed(t).Verify(installed)
			if tc.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.text)
		})
	}
}

func param(inv *arispec.Inventory, name string) *arispec.Param {
	for _, r := range inv.Resources {
		for _, op := range r.Operations {
			for i := range op.Params {
				if op.Params[i].Name == name {
					return &op.Params[i]
				}
			}
		}
	}
	return nil
}

func TestFromDirRefusesWhatIsNoDescription(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := arispec.FromDir(dir, "22.0.0")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "resources.json"), []byte("nonsense"), 0o600))
	_, err = arispec.FromDir(dir, "22.0.0")
	require.ErrorIs(t, err, arispec.ErrDescription)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "resources.json"), []byte(`{"apis":[]}`), 0o600))
	_, err = arispec.FromDir(dir, "22.0.0")
	require.ErrorIs(t, err, arispec.ErrDescription)
	_, err = arispec.FromRoot(t.Context(), dir)
	require.ErrorIs(t, err, arispec.ErrDescription)
}
