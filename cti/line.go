package cti

import (
	"fmt"
	"strings"

	"sidecar/bridge"
)

// Liner writes events as short lines that can be compared between runs: ConnIDs are numbered by their first
// appearance, ids and times are left out. The zero value is ready.
type Liner struct {
	Roles bool // write the roles too

	numbers map[bridge.ConnID]int
}

// Line writes one event by a Liner of its own, so that its call is always number 1.
func Line(e Event) string {
	var l Liner
	return l.Line(e)
}

// Line writes, for example,
// "5001: Released(1) CallType=Inbound CallState=Transferred OtherDN=5002 ThirdPartyDN=5001".
func (l *Liner) Line(e Event) string {
	var b strings.Builder
	who := string(e.DN)
	if e.Topic == TopicCall {
		who = "call"
	}
	fmt.Fprintf(&b, "%s: %s", who, e.Kind())
	if e.Snapshot {
		b.WriteString(" snapshot")
	}
	if e.Call == nil {
		return b.String()
	}
	// The old ConnID is numbered first: it was there first, even if its own events were not seen.
	previous := l.number(e.Attributes.PreviousConnID)
	fmt.Fprintf(&b, "(%s)", l.number(e.Attributes.ConnID))
	l.attributes(&b, &e, previous)
	if e.Topic == TopicCall {
		fmt.Fprintf(&b, " parties=%s", parties(e.Call.Participants))
	}
	return b.String()
}

func (l *Liner) attributes(b *strings.Builder, e *Event, previous string) {
	a := &e.Attributes
	add := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, " %s=%s", name, value)
		}
	}
	role := func(name string, value bridge.Role) {
		if l.Roles {
			add(name, string(value))
		}
	}
	add("CallType", string(a.CallType))
	if a.CallState != bridge.CallStateOK {
		add("CallState", string(a.CallState))
	}
	add("PreviousConnID", previous)
	role("ThisDNRole", a.ThisDNRole)
	add("OtherDN", a.OtherDN)
	role("OtherDNRole", a.OtherDNRole)
	add("ThirdPartyDN", a.ThirdPartyDN)
	role("ThirdPartyDNRole", a.ThirdPartyDNRole)
	if e.Name == string(bridge.EventRinging) || e.Name == string(bridge.EventDialing) {
		add("ANI", a.ANI)
		add("DNIS", a.DNIS)
	}
	add("ErrorMessage", a.ErrorMessage)
}

func (l *Liner) number(id bridge.ConnID) string {
	if id == 0 {
		return ""
	}
	if l.numbers == nil {
		l.numbers = map[bridge.ConnID]int{}
	}
	n, ok := l.numbers[id]
	if !ok {
		n = len(l.numbers) + 1
		l.numbers[id] = n
	}
	return fmt.Sprint(n)
}

func parties(ps []Participant) string {
	names := make([]string, 0, len(ps))
	for _, p := range ps {
		names = append(names, p.Number+"/"+string(p.State))
	}
	return strings.Join(names, ",")
}
