package v2_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti/gws/v2"
)

// Whatever a desktop sends, it gets a status that it knows.
func FuzzOperation(f *testing.F) {
	for _, seed := range []string{
		`{"operationName": "Answer"}`, `{"operationName": "UpdateUserData", "userData": {"a": {"b": 1}}}`,
		`{"operationName": "CompleteTransfer", "consultCallUri": "/x/"}`, `{"operationName": "RemoveParticipantFromConference", "participant": {"phoneNumber": "5002"}}`,
		`{"operationName": 1}`, `{`, `null`, "\xff\xfe",
	} {
		f.Add(seed)
	}
	r := newRig(f)
	r.board.calls = []bridge.CallView{inbound("C", "5001", bridge.PartyEstablished)}
	d := r.desktop("5001")
	f.Fuzz(func(t *testing.T, body string) {
		d.t = t
		for _, path := range []string{"/api/v2/me/calls/C", "/api/v2/me", "/api/v2/me/channels/voice", "/api/v2/me/devices/" + v2.DeviceID("5001")} {
			status, reply := d.try(http.MethodPost, path, body)
			code, ok := reply["statusCode"].(float64)
			require.True(t, ok, reply)
			require.Equal(t, status == http.StatusOK, code == 0 || code == 7, "%d: %v", status, reply)
			require.NotEqualValues(t, 4, code, "nothing that is sent breaks anything")
		}
	})
}
