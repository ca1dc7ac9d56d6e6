package v2

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"

	"sidecar/auth"
	"sidecar/bridge"
)

// Base is where the API begins.
const Base = "/api/v2"

// The notification channels. All but the first two are silent: the second two tell of changed passwords, and there is no operation
// that changes one; servers behind us that could be out of service, and work bins, there are none.
const (
	ChannelCalls      = "/v2/me/calls"
	ChannelDevices    = "/v2/me/devices"
	ChannelMe         = "/v2/me"
	ChannelUsers      = "/v2/users"
	ChannelServices   = "/notifications/services"
	ChannelMyWorkbins = "/v2/me/workbins"
	ChannelWorkbins   = "/v2/workbins"

	// PatternMe is what many desktops subscribe to in place of each channel.
	PatternMe = "/v2/me/*"
)

// guid is the same for the same name at every start and in every sidecar: desktops keep the ids of devices.
func guid(kind, name string) string {
	sum := sha256.Sum256([]byte("sidecar " + kind + " " + name))
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// DeviceID is the id of a DN's device.
func DeviceID(dn string) string { return guid("device", dn) }

func userID(p auth.Principal) string { return guid("user", p.ID()) }

// link is how a resource names itself.
type link struct {
	URI  string `json:"uri"`
	Path string `json:"path"`
}

func deviceLink(dn string) link {
	return link{URI: Base + "/me/devices/" + DeviceID(dn), Path: "/devices/" + DeviceID(dn)}
}

func callLink(id bridge.CallID) link {
	return link{URI: Base + "/me/calls/" + url.PathEscape(string(id)), Path: "/calls/" + url.PathEscape(string(id))}
}

// lastOf is the id at the end of a resource's URI.
func lastOf(uri string) string { return uri[strings.LastIndex(uri, "/")+1:] }

// operationsOf are the engine's capabilities by this dialect's names, in their order.
func operationsOf(can []bridge.Capability) []string {
	names, list := operationNames(), []string{}
	for _, c := range can {
		list = append(list, names[c]...)
	}
	return list
}

func operationNames() map[bridge.Capability][]string {
	return map[bridge.Capability][]string{
		bridge.CanAnswer:               {"Answer"},
		bridge.CanRelease:              {"Hangup"},
		bridge.CanClear:                {"ClearCall"},
		bridge.CanHold:                 {"Hold"},
		bridge.CanRetrieve:             {"Retrieve"},
		bridge.CanComplete:             {"Complete"},
		bridge.CanRedirect:             {"Redirect"},
		bridge.CanAlternate:            {"SwapCalls"},
		bridge.CanReconnect:            {"Reconnect"},
		bridge.CanInitiateTransfer:     {"InitiateTransfer"},
		bridge.CanInitiateConference:   {"InitiateConference"},
		bridge.CanCompleteTransfer:     {"CompleteTransfer"},
		bridge.CanCompleteConference:   {"CompleteConference"},
		bridge.CanSingleStepTransfer:   {"SingleStepTransfer"},
		bridge.CanSingleStepConference: {"SingleStepConference"},
		bridge.CanDeleteFromConference: {"RemoveParticipantFromConference"},
		bridge.CanAttachUserData:       {"AttachUserData"},
		bridge.CanUpdateUserData:       {"UpdateUserData"},
		bridge.CanDeleteUserDataPair:   {"DeleteUserDataPair", "DeleteUserData"},
		bridge.CanSendDTMF:             {"SendDtmf"},
		bridge.CanStartRecording:       {"StartCallRecording"},
		bridge.CanStopRecording:        {"StopCallRecording"},
		bridge.CanPauseRecording:       {"PauseCallRecording"},
		bridge.CanResumeRecording:      {"ResumeCallRecording"},
		bridge.CanMuteOn:               {"MuteCall"},
		bridge.CanMuteOff:              {"UnmuteCall"},
	}
}
