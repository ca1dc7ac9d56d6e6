package schema

import (
	"reflect"
	"strings"

	"sidecar/agent"
	"sidecar/bridge"
	"sidecar/cti"
)

// definitions are the named parts of the document.
type definitions map[string]any

func eventType() reflect.Type { return reflect.TypeFor[cti.Event]() }

// object describes a struct as encoding/json writes it.
func (d definitions) object(of reflect.Type) node {
	properties, required := node{}, []string{}
	for field := range of.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		properties[name] = d.of(field.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	out := node{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// of describes a type, by a reference when it is a struct.
func (d definitions) of(t reflect.Type) node {
	if known, ok := texts()[t]; ok {
		return known
	}
	switch t.Kind() { //nolint:exhaustive // events have no others
	case reflect.Pointer:
		return d.of(t.Elem())
	case reflect.Struct:
		if _, ok := d[t.Name()]; !ok {
			d[t.Name()] = node{} // of itself, if it should hold one
			d[t.Name()] = d.object(t)
		}
		return node{"$ref": "#/$defs/" + t.Name()}
	case reflect.Slice:
		if t == reflect.TypeFor[bridge.UserDataObject]() {
			d["UserData"] = userData()
			return node{"$ref": "#/$defs/UserData"}
		}
		return node{"type": "array", "items": d.of(t.Elem())}
	case reflect.String:
		return node{"type": "string"}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return node{"type": "integer", "minimum": 0}
	default:
		return node{"type": t.String()} // which no schema may say: the first test finds it
	}
}

func userData() node {
	return node{
		"type": "object", "description": "what is attached to the call, by key",
		"additionalProperties": node{"oneOf": []any{node{"type": "string"}, node{"type": "integer"}, node{"$ref": "#/$defs/UserData"}}},
	}
}

// texts describes the types that are written as text.
func texts() map[reflect.Type]node {
	known := map[reflect.Type]node{
		reflect.TypeFor[bridge.ConnID](): {"type": "string", "pattern": "^[0-9a-f]{16}$"},
		reflect.TypeFor[cti.Time]():      {"type": "string", "format": "date-time", "pattern": `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`},
		reflect.TypeFor[cti.Cursor]():    {"type": "string", "pattern": "^.+:[0-9]+$", "maxLength": 64},
	}
	add(known, "enum", cti.StateDialing, cti.StateRinging, cti.StateEstablished, cti.StateHeld, cti.StateReleased)
	add(known, "enum", cti.DirectionIn, cti.DirectionOut, cti.DirectionInternal)
	add(known, "enum", bridge.CallInternal, bridge.CallInbound, bridge.CallOutbound, bridge.CallConsult)
	add(known, "enum", bridge.RecordingOn, bridge.RecordingPaused, bridge.RecordingStopped)
	add(known, "enum", bridge.MonitorMute, bridge.MonitorCoach, bridge.MonitorConnect)
	add(known, "enum", bridge.ScopeCall, bridge.ScopeAgent)
	add(known, "enum", agent.LoggedOut, agent.NotReady, agent.Ready, agent.AfterCallWork)
	add(known, "examples", agent.AutoIn, agent.ManualIn, agent.ModeAfterCallWork, agent.AuxWork, agent.LegalGuard, agent.NoCallDisconnect, agent.WalkAway)
	add(known, "examples", agent.Idle, agent.InitiatingCall, agent.ReceivingCall, agent.HandlingInboundCall, agent.HandlingInternalCall,
		agent.HandlingOutboundCall, agent.HandlingConsultCall, agent.CallOnHold)
	add(known, "examples", bridge.RoleOrigination, bridge.RoleDestination, bridge.RoleNewParty, bridge.RoleObserver,
		cti.RoleTransferredBy, cti.RoleConferencedBy, cti.RoleDeletedBy, cti.RoleDeletedParty)
	add(known, "examples", bridge.CallStateOK, bridge.CallStateTransferred, bridge.CallStateConferenced, bridge.CallStateRedirected, bridge.CallStateNoAnswer,
		bridge.CallStateBusy, bridge.CallStateDropped, bridge.CallStateBridged, bridge.CallStateAbandoned)
	add(known, "examples", bridge.CanRelease, bridge.CanClear, bridge.CanSingleStepTransfer, bridge.CanAnswer, bridge.CanHold, bridge.CanRetrieve,
		bridge.CanComplete, bridge.CanRedirect, bridge.CanAlternate, bridge.CanReconnect, bridge.CanMerge, bridge.CanInitiateTransfer,
		bridge.CanInitiateConference, bridge.CanCompleteTransfer, bridge.CanCompleteConference, bridge.CanSingleStepConference,
		bridge.CanDeleteFromConference, bridge.CanAttachUserData, bridge.CanUpdateUserData, bridge.CanDeleteUserDataPair, bridge.CanSendDTMF,
		bridge.CanStartRecording, bridge.CanStopRecording, bridge.CanPauseRecording, bridge.CanResumeRecording, bridge.CanMuteOn,
		bridge.CanMuteOff, bridge.CanSwitchToListenIn, bridge.CanSwitchToCoaching, bridge.CanSwitchToBargeIn)
	return known
}

func add[T ~string](known map[reflect.Type]node, keyword string, values ...T) {
	known[reflect.TypeFor[T]()] = node{"type": "string", "minLength": 1, keyword: values}
}
