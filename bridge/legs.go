package bridge

// LegView is a leg whose party can be heard.
type LegView struct {
	Party   PartyID
	DN      DN // empty for an outside party
	Number  string
	Role    Role
	Channel ChannelID
}

// Legs are those of a call that are up, with what is closed when they may have changed. False: the call has ended.
func (e *Engine) Legs(id CallID) (legs []LegView, changed <-chan struct{}, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.views[id]
	if l == nil || !l.lives() {
		return nil, nil, false
	}
	for _, p := range l.state.nth(l.n).Parties {
		if p.alive() && p.Leg.State == LegUp {
			legs = append(legs, LegView{Party: p.ID, DN: p.DN, Number: p.Number, Role: p.Role, Channel: p.Leg.Channel})
		}
	}
	if e.watched[id] == nil {
		e.watched[id] = make(chan struct{})
	}
	return legs, e.watched[id], true
}

// changedLocked tells those who watch a call that it has changed.
func (e *Engine) changedLocked(id CallID) {
	if ch := e.watched[id]; ch != nil {
		close(ch)
		delete(e.watched, id)
	}
}
