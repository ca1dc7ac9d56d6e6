package v2

import (
	"slices"

	"sidecar/agent"
	"sidecar/auth"
	"sidecar/bridge"
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

func (s *Server) deviceOf(p auth.Principal, at agent.View) device {
	d := device{
		link: deviceLink(at.Number), ID: DeviceID(at.Number), DeviceState: "Inactive", UserState: s.stateOf(at.Agent), PhoneNumber: at.Number,
		TelephonyNetwork: "Private", DoNotDisturb: "Off", ForwardTo: at.Forward, Capabilities: []string{"DoNotDisturbOn"}, Channels: []string{channelVoice},
	}
	if at.InService {
		d.DeviceState = "Active"
	}
	if at.DND {
		d.DoNotDisturb, d.Capabilities = "On", []string{"DoNotDisturbOff"}
	}
	if at.Forward == "" {
		d.Capabilities = append(d.Capabilities, "ForwardCallsOn")
	} else {
		d.Capabilities = append(d.Capabilities, "ForwardCallsOff")
	}
	if !p.Can(auth.VerbSupervise) {
		return d
	}
	d.Capabilities = append(d.Capabilities, "ListenIn", "Coach", "BargeIn")
	if m, ok := s.monitorOf(p, at.Number); ok {
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
