package ariswitch_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
)

func TestUserDataOfAnArrival(t *testing.T) {
	t.Parallel()
	conn, f := connected(t)
	vars := strings.Replace(channel("c1", "PJSIP/provider-1", "Ring", "030"), `"channelvars":{`,
		`"channelvars":{"X-Customer-Info":"Gold, 100 %","CUSTOMER_ID":"7","EMPTY":"","SIDECAR_LEG":"g-1",`, 1)
	conn.Send(event("StasisStart", `"args":["from-trunk","8000"],"channel":`+vars))
	require.Equal(t, bridge.UserDataOf(map[string]string{"CUSTOMER_ID": "7", "X-Customer-Info": "Gold, 100 %"}), take(t, f.arrivals).UserData)
}
