package bridge

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// identified are the phones that were told of somebody else, and whom they show.
func (s *script) identified() []string {
	var list []string
	for _, line := range s.lines {
		if text, is := strings.CutPrefix(line, "IdentifyPeer "); is {
			list = append(list, text)
		}
	}
	return list
}

func TestPhonesShowWhoIsThere(t *testing.T) {
	t.Parallel()
	s := consulted(t)
	require.Equal(t, []string{"{Channel:{Server:pbx1 ID:n1-x.1} Number:5002 Name:}"}, s.identified(), "5002 shows who called it")
	s.in(complete(CanCompleteTransfer), Joined{Parties: []PartyID{4}})
	require.Equal(t, []string{"{Channel:{Server:pbx1 ID:n1-x.2} Number:030123 Name:}"}, s.identified(), "outside nobody is told")

	s = consulted(t).in(complete(CanReconnect), Joined{Parties: []PartyID{2}})
	require.Equal(t, []string{"{Channel:{Server:pbx1 ID:n1-x.1} Number:030123 Name:}"}, s.identified())

	s = consulted(t).in(complete(CanCompleteConference), Joined{Parties: []PartyID{2}}, Joined{Parties: []PartyID{4}})
	require.Empty(t, s.identified(), "there is nobody to show in a conference")
	s.in(doRelease{By: "5001", Reply: 9})
	require.Equal(t, []string{"{Channel:{Server:pbx1 ID:n1-x.2} Number:030123 Name:}"}, s.identified())
}
