package bridge

// data changes what is attached to the call, and tells all its DNs.
func (s *step) data(in doData) {
	c := s.call()
	if c.livingDN(in.By) == nil {
		s.do(Reply{Token: in.Reply, Err: ErrNotAParty})
		return
	}
	var data UserData
	var err error
	switch in.Verb {
	case CanAttachUserData:
		data, err = c.UserData.Attach(in.Data)
	case CanUpdateUserData:
		data, err = c.UserData.Update(in.Data)
	default:
		data = c.UserData.Delete(in.Keys...)
	}
	if err != nil {
		s.do(Reply{Token: in.Reply, Err: err})
		return
	}
	if !data.Equal(c.UserData) {
		c.UserData = data
		for i := range c.Parties {
			if p := &c.Parties[i]; p.alive() && p.Told {
				s.tell(p, Event{Kind: EventAttachedDataChanged, CallState: CallStateOK, Reference: in.Op})
			}
		}
	}
	s.do(Reply{Token: in.Reply})
}
