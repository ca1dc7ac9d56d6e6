package v2

import (
	"slices"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
	"sidecar/cti"
)

// device is a DN with the agent who works there.
type device struct {
	link

	ID                        string              `json:"id"`
	DeviceState               string              `json:"deviceState"` // Active, Inactive
	UserState                 userState           `json:"userState"`
	PhoneNumber               string              `json:"phoneNumber"`
	E164Number                string              `json:"e164Number"`
	Description               string              `json:"description"`
	TelephonyNetwork          string              `json:"telephonyNetwork"`
	DoNotDisturb              string              `json:"doNotDisturb"` // On, Off
	ForwardTo                 string              `json:"forwardCallsTo,omitempty"`
	VoiceEnvironmentURI       string              `json:"voiceEnvironmentUri"`
	Capabilities              []string            `json:"capabilities"`
	Channels                  []string            `json:"channels"`
	DynamicPhoneNumber        bool                `json:"dynamicPhoneNumber"`
	SupervisorMonitoringState *supervisorMonitors `json:"supervisorMonitoringState,omitempty"`
}

// userState is what the agent says about being there.
type userState struct {
	ID          string         `json:"id"`
	DisplayName string         `json:"displayName"`
	State       string         `json:"state"`
	WorkMode    agent.WorkMode `json:"workMode,omitempty"`
	Reason      string         `json:"reason,omitempty"`
}

// supervisorMonitors is the supervision that a device carries out.
type supervisorMonitors struct {
	State           string `json:"state"`
	Mode            string `json:"mode"`
	Scope           string `json:"scope"`
	TargetDeviceURI string `json:"targetDeviceUri"`
}

// standing is what a device is made of, whether the feed or the registry has told it.
type standing struct {
	number    string
	inService bool
	dnd       bool
	forward   string
	state     agent.State
	mode      agent.WorkMode
	reason    string
}

func standingOf(v agent.View) standing {
	return standing{
		number: v.Number, inService: v.InService, dnd: v.DND, forward: v.Forward, state: v.Agent.State, mode: v.Agent.Mode, reason: v.Agent.Reason,
	}
}

func standingAt(e *cti.Event) standing {
	d := e.DNState
	out := standing{number: d.Number, inService: d.InService, dnd: d.DND, forward: d.ForwardTo, state: agent.LoggedOut}
	if e.Agent != nil {
		out.state, out.mode, out.reason = e.Agent.State, e.Agent.WorkMode, e.Agent.Reason
	}
	return out
}

func (s *Server) deviceOf(p auth.Principal, at standing) device {
	d := device{
		link: deviceLink(at.number), ID: DeviceID(at.number), DeviceState: "Inactive", UserState: s.stateOf(at.state, at.mode, at.reason), PhoneNumber: at.number,
		TelephonyNetwork: "Private", DoNotDisturb: "Off", ForwardTo: at.forward, Capabilities: []string{"DoNotDisturbOn"}, Channels: []string{channelVoice},
	}
	if at.inService {
		d.DeviceState = "Active"
	}
	if at.dnd {
		d.DoNotDisturb, d.Capabilities = "On", []string{"DoNotDisturbOff"}
	}
	if at.forward == "" {
		d.Capabilities = append(d.Capabilities, "ForwardCallsOn")
	} else {
		d.Capabilities = append(d.Capabilities, "ForwardCallsOff")
	}
	if !p.Can(auth.VerbSupervise) {
		return d
	}
	d.Capabilities = append(d.Capabilities, "ListenIn", "Coach", "BargeIn")
	if m, ok := s.monitorOf(p, at.number); ok {
		d.Capabilities = append(d.Capabilities, "CancelSupervisorMonitoring")
		d.SupervisorMonitoringState = &supervisorMonitors{
			State: "Active", Mode: operationOfMode(m.Mode), Scope: scopeName(m.Scope), TargetDeviceURI: deviceLink(string(m.Target)).URI,
		}
		if m.State == bridge.MonitorWaiting {
			d.SupervisorMonitoringState.State = "Waiting"
		}
	}
	return d
}

// monitorOf is the supervision that a DN carries out.
func (s *Server) monitorOf(p auth.Principal, dn string) (bridge.MonitorView, bool) {
	all := s.o.Access.Monitors(p, "")
	i := slices.IndexFunc(all, func(m bridge.MonitorView) bool { return m.Supervisor == dn && m.State != bridge.MonitorEnded })
	if i < 0 {
		return bridge.MonitorView{}, false
	}
	return all[i], true
}

func operationOfMode(m bridge.MonitorMode) string {
	switch m {
	case bridge.MonitorCoach:
		return "Coach"
	case bridge.MonitorConnect:
		return "BargeIn"
	case bridge.MonitorMute:
	}
	return "ListenIn"
}

func scopeName(scope bridge.MonitorScope) string {
	if scope == bridge.ScopeAgent {
		return "Agent"
	}
	return "Call"
}
