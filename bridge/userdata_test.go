package bridge

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDataComesWithAnArrivalAndACommand(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		texts := UserDataOf(map[string]string{"X-Customer-Info": "Gold", "CUSTOMER_ID": "7"})
		in := Arrival{Channel: ch("cust"), Trunk: "t", Number: "0301", Called: "5001", UserData: append(texts.Clone(), Pair{Key: strings.Repeat("k", 200)})}
		s.mu.Lock()
		s.chans["cust"] = &simChannel{id: in.Channel, state: LegIsCreated, arrived: &in}
		s.e.Arrive(in)
		s.mu.Unlock()
		pass(t, time.Second)
		require.Equal(t, texts, oneCall(t, s).UserData, "what breaks a limit costs only itself")
	})
	engineTest(t, func(t *testing.T, s *sim) {
		data := UserDataOf(map[string]string{"campaign": "autumn"})
		view, err := s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030", UserData: data})
		require.NoError(t, err)
		require.Equal(t, data, view.UserData)
		var wrong *UserDataError
		_, err = s.e.MakeCall(t.Context(), MakeCall{From: "5002", To: "030", UserData: UserData{{}}})
		require.ErrorAs(t, err, &wrong)
	})
}
