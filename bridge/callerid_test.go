package bridge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCallerIDOfACommand(t *testing.T) {
	t.Parallel()
	engineTest(t, func(t *testing.T, s *sim) {
		_, err := s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030", CallerID: "+49666"})
		require.ErrorIs(t, err, ErrCallerID)
		require.Empty(t, s.e.Calls(), "nothing rings")
		_, err = s.e.MakeCall(t.Context(), MakeCall{From: "5001", To: "030", CallerID: "+4930200"})
		require.NoError(t, err)
		pass(t, 2*time.Second)
		var shown []string
		s.mu.Lock()
		for _, c := range s.chans {
			if c.to == "030" {
				shown = append(shown, c.caller)
			}
		}
		s.mu.Unlock()
		require.Equal(t, []string{"+4930200"}, shown)
	})
}
