package schema

import (
	"sidecar/bridge"
	"sidecar/cti"
)

// subject is what an event is about.
type subject int

const (
	aCall   subject = iota // of a DN, or as a whole
	aDN                    // the DN's own state
	anAgent                // the agent at a DN
	nothing
)

// rule is what an event always has, besides what every event about the same has.
type rule struct {
	about      subject
	noCall     bool     // the order for calls to come
	noState    bool     // no CallState: nothing has happened to the call
	attributes []string // always there
	when       node     // a condition
}

// rules are by message type; events about a call without any are left out.
func rules() map[string]rule {
	order := rule{noCall: true, attributes: []string{"OtherDN"}}
	party := rule{attributes: []string{"OtherDN", "OtherDNRole"}}
	dn, agent := rule{about: aDN}, rule{about: anAgent}
	return map[string]rule{
		"EventPartyChanged":        {when: transferred()},
		"EventPartyAdded":          party,
		"EventPartyDeleted":        party,
		"EventDTMFSent":            {attributes: []string{"DTMFDigits"}},
		"EventPrivateInfo":         {attributes: []string{"Extensions"}},
		"EventMonitoringNextCall":  order,
		"EventMonitoringCancelled": order,
		"EventError":               {noState: true, attributes: []string{"ErrorMessage"}},
		"EventDNBackInService":     dn,
		"EventDNOutOfService":      dn,
		"EventDNDOn":               dn,
		"EventDNDOff":              dn,
		"EventForwardSet":          {about: aDN, attributes: []string{"OtherDN"}},
		"EventForwardCancel":       dn,
		"EventAgentLogin":          agent,
		"EventAgentLogout":         agent,
		"EventAgentReady":          agent,
		"EventAgentNotReady":       agent,
		"EventAgentAfterCallWork":  agent,
		"EventAgentReserved":       agent,
	}
}

// transferred: clients take a PartyChanged without OtherDN for a conference.
func transferred() node {
	state := func(value any) node {
		return node{"properties": node{"attributes": node{"required": []string{"CallState"}, "properties": node{"CallState": node{"const": value}}}}}
	}
	return node{
		"if":   state(bridge.CallStateTransferred),
		"then": node{"properties": node{"attributes": node{"required": []string{"OtherDN", "OtherDNRole", "ThirdPartyDN", "ThirdPartyDNRole"}}}},
	}
}

// needs lists the fields and attributes that are always there.
func (r *rule) needs(topic cti.Topic) (fields, attributes []string) {
	switch {
	case r.about == nothing:
		return []string{"snapshot"}, nil
	case topic == cti.TopicCall:
		return []string{"call"}, []string{"ConnID", "CallUUID", "CallType"}
	case r.about == aDN:
		fields, attributes = []string{"dn", "dnState"}, []string{"ThisDN"}
	case r.about == anAgent:
		fields, attributes = []string{"dn", "dnState", "agentId", "agent"}, []string{"ThisDN", "AgentID"}
	case r.noCall:
		fields, attributes = []string{"dn"}, []string{"ThisDN"}
	default:
		fields, attributes = []string{"dn", "call"}, []string{"ConnID", "CallUUID", "CallType", "ThisDN", "ThisDNRole"}
		if !r.noState {
			attributes = append(attributes, "CallState")
		}
	}
	return fields, append(attributes, r.attributes...)
}

// without lists the fields that events about such a thing never have.
func without(about subject, topic cti.Topic) []string {
	switch {
	case about == nothing:
		return []string{"dn", "agentId", "call", "dnState", "agent"}
	case topic == cti.TopicCall:
		return []string{"dn", "agentId", "dnState", "agent"}
	case about == aCall:
		return []string{"dnState", "agent"}
	}
	return []string{"call"}
}
