package v3

import (
	"context"
	"net/http"

	"sidecar/access"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/internal/userdata"
)

// callVerb is a command for a call.
type callVerb struct {
	verb   access.Verb
	needs  func(d *commandData) bool // nil: nothing
	fill   func(d *commandData, c *access.Command)
	other  func(d *commandData) string // names another call of the DN
	must   bool                        // and has to
	number bool                        // it calls somebody
	causes []bridge.EventKind          // that come as facts, and so without the command's id
}

func callVerbs() map[string]callVerb {
	to := func(d *commandData, c *access.Command) { c.To, c.Data = d.Destination, d.UserData.Data }
	destination := func(d *commandData) bool { return d.Destination != "" }
	consult := func(purpose bridge.ConsultPurpose) callVerb {
		return callVerb{verb: access.Consult, needs: destination, number: true, fill: func(d *commandData, c *access.Command) {
			to(d, c)
			c.Purpose = purpose
		}}
	}
	data := func(verb access.Verb) callVerb {
		return callVerb{
			verb: verb, needs: func(d *commandData) bool { return len(d.UserData.Data) > 0 },
			fill: func(d *commandData, c *access.Command) { c.Data = d.UserData.Data },
		}
	}
	held := func(d *commandData) string { return d.HeldConnID }
	parent := func(d *commandData) string { return d.ParentConnID }
	recording := func(verb access.Verb) callVerb {
		return callVerb{verb: verb, causes: []bridge.EventKind{bridge.EventRecordingChanged}}
	}
	return map[string]callVerb{
		"answer":                 {verb: access.Answer, causes: []bridge.EventKind{bridge.EventEstablished}},
		string(capAccept):        {verb: access.Answer, causes: []bridge.EventKind{bridge.EventEstablished}},
		"hold":                   {verb: access.Hold, causes: []bridge.EventKind{bridge.EventHeld}},
		"retrieve":               {verb: access.Retrieve, causes: []bridge.EventKind{bridge.EventRetrieved}},
		"release":                {verb: access.Release, causes: []bridge.EventKind{bridge.EventReleased}},
		"reject":                 {verb: access.Reject, causes: []bridge.EventKind{bridge.EventReleased}},
		"redirect":               {verb: access.Redirect, needs: destination, fill: to, number: true, causes: []bridge.EventKind{bridge.EventReleased}},
		"single-step-transfer":   {verb: access.Transfer, needs: destination, fill: to, number: true, causes: []bridge.EventKind{bridge.EventReleased}},
		"single-step-conference": {verb: access.SingleStepConference, needs: destination, fill: to, number: true, causes: []bridge.EventKind{bridge.EventPartyAdded}},
		"initiate-transfer":      consult(bridge.ConsultTransfer),
		"initiate-conference":    consult(bridge.ConsultConference),
		"complete-transfer":      {verb: access.CompleteTransfer, other: parent, causes: []bridge.EventKind{bridge.EventReleased}},
		"complete-conference":    {verb: access.CompleteConference, other: parent, causes: []bridge.EventKind{bridge.EventReleased}},
		"alternate":              {verb: access.Alternate, other: held, causes: []bridge.EventKind{bridge.EventHeld}},
		"reconnect":              {verb: access.Reconnect, other: held, causes: []bridge.EventKind{bridge.EventReleased}},
		"merge":                  {verb: access.Merge, other: func(d *commandData) string { return d.OtherConnID }, must: true},
		"delete-from-conference": {
			verb: access.Drop, needs: func(d *commandData) bool { return d.DNToDrop != "" },
			fill:   func(d *commandData, c *access.Command) { c.Member = d.DNToDrop },
			causes: []bridge.EventKind{bridge.EventPartyDeleted},
		},
		"attach-user-data": data(access.AttachData),
		"update-user-data": data(access.UpdateData),
		"delete-user-data-pair": {
			verb: access.DeleteData, needs: func(d *commandData) bool { return d.Key != "" },
			fill: func(d *commandData, c *access.Command) { c.Keys = []string{d.Key} },
		},
		"delete-user-data": {verb: access.DeleteData},
		"set-comment": {
			verb: access.UpdateData, needs: func(d *commandData) bool { return d.Comment != "" },
			fill: func(d *commandData, c *access.Command) {
				c.Data = bridge.UserData{{Key: "Comment", Value: userdata.Text(d.Comment)}}
			},
		},
		"send-dtmf": {
			verb: access.SendDTMF, needs: func(d *commandData) bool { return d.DTMFDigits != "" },
			fill: func(d *commandData, c *access.Command) { c.Digits = d.DTMFDigits },
		},
		"start-recording":  recording(access.StartRecording),
		"stop-recording":   recording(access.StopRecording),
		"pause-recording":  recording(access.PauseRecording),
		"resume-recording": recording(access.ResumeRecording),
	}
}

// callCommand is the way of every command for a call.
func (s *Server) callCommand(ctx context.Context, r *request) (*reply, error) {
	at, err := s.seatOf(r)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("verb")
	if mode, ok := switchModes()[name]; ok {
		return s.switchMonitoring(ctx, r, at, mode)
	}
	known, ok := s.verbs[name]
	switch {
	case name == "clear", name == "complete":
	case !ok:
		return nil, &refusal{http.StatusNotImplemented, http.StatusNotImplemented, "there is no command " + name + " for a call"}
	case known.needs != nil && !known.needs(&r.in.Data):
		return nil, missing()
	}
	v, party, err := s.find(r.who, at, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	switch name {
	case "clear":
		return s.clear(ctx, r, at, v)
	case "complete":
		return s.complete(ctx, r, at, v, party)
	}
	return s.partyCommand(ctx, r, at, &v, &known)
}

func (s *Server) partyCommand(ctx context.Context, r *request, at seat, v *bridge.CallView, verb *callVerb) (*reply, error) {
	c := access.Command{Verb: verb.verb, Call: v.ID, DN: at.dn, Op: r.op}
	if verb.fill != nil {
		verb.fill(&r.in.Data, &c)
	}
	if verb.other != nil {
		id := verb.other(&r.in.Data)
		if id == "" && verb.must {
			return nil, missing()
		}
		if id != "" {
			other, _, err := s.find(r.who, at, id)
			if err != nil {
				return nil, err
			}
			c.Other = other.ID
		}
	}
	if verb.number && c.To == at.dn {
		s.invalidDestination(r, at.dn, ownDN)
		return nil, nil //nolint:nilnil // accepted
	}
	s.expectCall(r, at.dn, v.ID, verb.causes...)
	err := s.bring(ctx, r, &c)
	if err == nil {
		_, err = s.o.Access.Do(ctx, r.who, c)
	}
	if verb.number {
		return s.destined(r, at.dn, err)
	}
	return nil, err
}

// bring attaches what a command that moves a call brings with it, so that who gets the call sees it from the first ring on. A consultation
// is a call of its own, and is begun with its data.
func (s *Server) bring(ctx context.Context, r *request, c *access.Command) error {
	switch c.Verb {
	case access.Transfer, access.SingleStepConference:
	default:
		return nil
	}
	if len(c.Data) == 0 {
		return nil
	}
	data := access.Command{Verb: access.UpdateData, Call: c.Call, DN: c.DN, Data: c.Data, Op: c.Op + ":data"}
	_, err := s.o.Access.Do(ctx, r.who, data)
	return err //nolint:wrapcheck // refuse puts it into words
}

// clear ends a call for everybody, whoever is in it.
func (s *Server) clear(ctx context.Context, r *request, at seat, v bridge.CallView) (*reply, error) {
	s.expectCall(r, at.dn, v.ID, bridge.EventReleased)
	_, err := s.o.Access.Hangup(ctx, r.who, bridge.Hangup{Call: v.ID, Op: r.op})
	return nil, err
}

// complete puts a released call away, in all desktops of the DN.
func (s *Server) complete(ctx context.Context, r *request, at seat, v bridge.CallView, party bridge.PartyView) (*reply, error) {
	if _, err := s.o.Access.Do(ctx, r.who, access.Command{Verb: access.Complete, Call: v.ID, DN: at.dn, Op: r.op}); err != nil {
		return nil, err
	}
	call := callOfView(&v, party)
	note := completed(&Notification{Call: &call})
	note.OperationID = r.id
	r.later(func() { s.feed.tell(ChannelVoice, note, s.sessions.at(at.dn)...) })
	return nil, nil //nolint:nilnil // accepted
}

// superviseAgent changes the state of another agent, named by the user's number or name.
func (s *Server) superviseAgent(ctx context.Context, r *request) (*reply, error) {
	verb, ok := agentVerbs()[r.PathValue("verb")]
	if !ok {
		return nil, &refusal{http.StatusNotImplemented, http.StatusNotImplemented, "a supervisor can make an agent ready, not-ready, or logout"}
	}
	if !r.who.Can(auth.VerbActForOthers) {
		return nil, unauthorized()
	}
	dn, err := s.dnOfAgent(ctx, r)
	if err != nil {
		return nil, err
	}
	return nil, s.agentCommand(ctx, r, verb, dn)
}
