package bridge

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func always(more ...Capability) []Capability {
	return append(more, CanRelease, CanClear, CanAttachUserData, CanUpdateUserData, CanDeleteUserDataPair)
}

func established(more ...Capability) []Capability {
	return always(append(more, CanSingleStepTransfer, CanInitiateTransfer, CanInitiateConference, CanSingleStepConference, CanSendDTMF, CanMuteOn, CanStartRecording)...)
}

// TestCapabilitiesPerState is the list that desktops know, state by state.
func TestCapabilitiesPerState(t *testing.T) {
	t.Parallel()
	dialing := newScript(t).in(Arrived{Channel: ch("a"), From: "5001", Number: "5001", Called: "030", Dest: toOutside("030")}, leg("n1-x.1", LegIsCreated))
	paired := []Capability{CanCompleteTransfer, CanCompleteConference, CanMerge, CanAlternate, CanReconnect}
	withoutConsult := always(append(paired, CanSingleStepTransfer, CanSingleStepConference, CanSendDTMF, CanMuteOn, CanStartRecording)...)
	conference := consulted(t).in(complete(CanCompleteConference))
	able := inbound(t).able().in(told("n1-x.1", LegIsAudible))
	for name, test := range map[string]struct {
		s    *script
		dn   DN
		want []Capability
	}{
		"Ringing":                        {inbound(t), "5001", always(CanRedirect)},
		"Ringing at a page of ours":      {able, "5001", always(CanRedirect, CanAnswer)},
		"Dialing":                        {dialing, "5001", always()},
		"Established":                    {talking(t), "5001", established(CanHold)},
		"Held":                           {talking(t).in(doPhone{By: "5001", Verb: PhoneHold}), "5001", established(CanRetrieve)},
		"Muted":                          {talking(t).in(doMute{By: "5001", Direction: MuteIn, On: true}), "5001", established(CanHold, CanMuteOff)},
		"Held, consultation dials":       {consulting(t), "5001", always(CanCompleteTransfer, CanReconnect, CanSingleStepConference, CanStartRecording)},
		"Consult origin, Dialing":        {consulting(t).about("UUID2"), "5001", always(CanCompleteTransfer, CanReconnect)},
		"Consult target, Ringing":        {consulting(t).about("UUID2"), "5002", always(CanRedirect)},
		"Consult origin, Established":    {consulted(t).about("UUID2"), "5001", append(withoutConsult, CanHold)},
		"Held, consultation established": {consulted(t), "5001", always(append(paired, CanSingleStepConference, CanStartRecording)...)},
		"Consult target, Established":    {consulted(t).about("UUID2"), "5002", established(CanHold)},
		"Alternated":                     {consulted(t).in(complete(CanAlternate)), "5001", append(withoutConsult, CanHold)},
		"Conference": {
			conference, "5001",
			always(CanHold, CanInitiateTransfer, CanInitiateConference, CanSingleStepConference, CanSendDTMF, CanMuteOn, CanDeleteFromConference, CanStartRecording),
		},
	} {
		require.ElementsMatch(t, test.want, test.s.view(test.dn), name)
	}
}

// TestRefusals has each command in a state that does not allow it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	consult := doConsult{By: "5001", Dest: toDN("5003"), ID: "UUID9", ConnID: 9, Reply: 1}
	add := doAdd{By: "5001", Dest: toDN("5003"), Reply: 1}
	for name, test := range map[string]struct {
		s    *script
		in   Input
		want string
	}{
		"consult while ringing":   {inbound(t), consult, "initiate-transfer is not possible while the call is Ringing: an established call is needed"},
		"second consultation":     {consulted(t), consult, "initiate-transfer is not possible while the call is Held: the DN has a second call already"},
		"consult a party":         {talking(t), doConsult{By: "5001", Dest: toDN("5001"), Reply: 1}, `"5001" can't be called: that DN is in the call already`},
		"consult a party of both": {consulted(t), doAdd{By: "5001", Dest: toDN("5002"), Reply: 1}, `"5002" can't be called: that DN is in the call already`},
		"consult, phone holds": {
			talking(t).in(leg("n1-x.1", LegIsHeld)), consult,
			"initiate-transfer is not possible while the call is Held: its phone holds the call: retrieve it at the phone first",
		},
		"consult during a transfer": {
			talking(t).in(doTransfer{By: "5001", Dest: toDN("5002"), Reply: 3}), consult,
			"initiate-transfer is not possible while the call is Established: a transfer is under way",
		},
		"consult by a stranger":  {talking(t), doConsult{By: "5009", Dest: toDN("5003"), Reply: 1}, ErrNotAParty.Error()},
		"complete one call":      {talking(t), complete(CanCompleteTransfer), "complete-transfer is not possible while the call is Established: a second call of the DN is needed, such as a consultation"},
		"conference, unanswered": {consulting(t), complete(CanCompleteConference), "complete-conference is not possible while the call is Held: the consultation is not answered yet"},
		"alternate, unanswered":  {consulting(t), complete(CanAlternate), "alternate is not possible while the call is Held: the consultation is not answered yet"},
		"reconnect one call":     {talking(t), complete(CanReconnect), "reconnect is not possible while the call is Established: a second call of the DN is needed, such as a consultation"},
		"complete twice": {
			consulted(t).in(complete(CanCompleteTransfer)), complete(CanCompleteTransfer), ErrNotAParty.Error(),
		},
		"add while ringing":     {inbound(t), add, "single-step-conference is not possible while the call is Ringing: an established call is needed"},
		"drop without":          {talking(t), doDrop{By: "5001", Member: "030123", Reply: 1}, "delete-from-conference is not possible while the call is Established: a conference is needed"},
		"drop a stranger":       {consulted(t).in(complete(CanMerge)), doDrop{By: "5001", Member: "999", Reply: 1}, `"999": nobody in this call has that number`},
		"drop itself":           {consulted(t).in(complete(CanMerge)), doDrop{By: "5001", Member: "5001", Reply: 1}, "delete-from-conference is not possible while the call is Established: it is the DN's own party: release it"},
		"redirect when talking": {talking(t), doRedirect{By: "5001", Dest: toDN("5003"), Reply: 1}, "redirect is not possible while the call is Established: only a DN that is called, and rings, can redirect"},
		"redirect to itself":    {inbound(t), doRedirect{By: "5001", Dest: toDN("5001"), Reply: 1}, `"5001" can't be called: that DN is in the call already`},
		"digits while ringing":  {inbound(t), doDTMF{By: "5001", Digits: "1", Reply: 1}, "send-dtmf is not possible while the call is Ringing: an established call is needed"},
		"mute while away":       {consulted(t), doMute{By: "5001", Direction: MuteIn, On: true, Reply: 1}, "mute-on is not possible while the call is Held: its phone is in another call of the DN: complete, alternate or reconnect"},
		"unmute":                {talking(t), doMute{By: "5001", Direction: MuteIn, Reply: 1}, "done"},
		"retrieve while away":   {consulted(t), doPhone{By: "5001", Verb: PhoneRetrieve, Reply: 1}, "retrieve is not possible while the call is Held: its phone is in another call of the DN: complete, alternate or reconnect"},
		"transfer while away":   {consulted(t), doTransfer{By: "5001", Dest: toDN("5003"), Reply: 1}, "transfer is not possible while the call is Held: its phone is in another call of the DN: complete, alternate or reconnect"},
	} {
		before := len(test.s.state.Call.Parties)
		answers := test.s.replies(test.in)
		require.Len(t, answers, 1, name)
		for _, text := range answers {
			require.Equal(t, test.want, text, name)
		}
		require.Len(t, test.s.state.Call.Parties, before, name)
	}
	t.Run("refer during a consultation", func(t *testing.T) {
		t.Parallel()
		s := consulted(t).in(doTransfer{By: "5001", Channel: ch("n1-x.1"), Dest: toDN("5003")})
		require.Contains(t, s.lines, "ReferLeg {Channel:{Server:pbx1 ID:n1-x.1} Phone: OK:false}", "the phone would end its leg, which both calls need")
	})
}
