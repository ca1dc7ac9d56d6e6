package bridge

import (
	"errors"
)

// ErrNotAMember is a number that nobody in the call has.
var ErrNotAMember = errors.New("nobody in this call has that number")

// ErrCallerID is a number that a DN may not show to whom it calls.
var ErrCallerID = errors.New("the DN may not show that number: see its caller_ids")

// The capabilities of the commands below, as the Workspace API spells them.
const (
	CanComplete             Capability = "complete"
	CanRedirect             Capability = "redirect"
	CanAlternate            Capability = "alternate"
	CanReconnect            Capability = "reconnect"
	CanMerge                Capability = "merge"
	CanInitiateTransfer     Capability = "initiate-transfer"
	CanInitiateConference   Capability = "initiate-conference"
	CanCompleteTransfer     Capability = "complete-transfer"
	CanCompleteConference   Capability = "complete-conference"
	CanSingleStepConference Capability = "single-step-conference"
	CanDeleteFromConference Capability = "delete-from-conference"
	CanAttachUserData       Capability = "attach-user-data"
	CanUpdateUserData       Capability = "update-user-data"
	CanDeleteUserDataPair   Capability = "delete-user-data-pair"
	CanSendDTMF             Capability = "send-dtmf"
	CanStartRecording       Capability = "start-recording"
	CanStopRecording        Capability = "stop-recording"
	CanPauseRecording       Capability = "pause-recording"
	CanResumeRecording      Capability = "resume-recording"
	CanMuteOn               Capability = "mute-on"
	CanMuteOff              Capability = "mute-off"
	CanSwitchToListenIn     Capability = "switch-to-listen-in"
	CanSwitchToCoaching     Capability = "switch-to-coaching"
	CanSwitchToBargeIn      Capability = "switch-to-barge-in"
)

// Redirect sends a call that rings at By to another number.
type Redirect struct {
	PartyCommand
	To    string
	Class string // class of the dial rules; empty: that of By
}

// SetMute ends or restores what is heard of By, and what it hears.
type SetMute struct {
	PartyCommand
	Direction Mute
	On        bool
}

// SendDTMF sends digits to the other parties.
type SendDTMF struct {
	PartyCommand
	Digits string // 0-9 * # A-D
}

// ConsultPurpose is what a consult call is begun for. It decides nothing: either can be completed as the other.
type ConsultPurpose string

// The purposes.
const (
	ConsultTransfer   ConsultPurpose = "transfer"
	ConsultConference ConsultPurpose = "conference"
)

// Consult holds the call and begins another one.
type Consult struct {
	PartyCommand
	To       string
	Class    string // class of the dial rules; empty: that of By
	UserData UserData
	Purpose  ConsultPurpose
}

// MuteTransfer is a two-step transfer that is completed as soon as the target is being called.
type MuteTransfer struct {
	PartyCommand
	To    string
	Class string // class of the dial rules; empty: that of By
}

// SingleStepConference calls a further party into the call.
type SingleStepConference struct {
	PartyCommand
	To    string
	Class string // class of the dial rules; empty: that of By
}

// Merge makes a conference of two calls of By.
type Merge struct {
	PartyCommand
	Other CallID
}

// DropMember takes a party out of the conference.
type DropMember struct {
	PartyCommand
	Member string // its DN or number
}

// AttachData adds pairs, also under keys that are there.
type AttachData struct {
	PartyCommand
	Data UserData
}

// UpdateData gives keys new values.
type UpdateData struct {
	PartyCommand
	Data UserData
}

// DeleteData removes keys, all of them when none is named.
type DeleteData struct {
	PartyCommand
	Keys []string
}

// RecordingState says whether a call is recorded.
type RecordingState string

// The states of a recording, as the Workspace API spells them; empty: never recorded.
const (
	RecordingNone    RecordingState = ""
	RecordingOn      RecordingState = "Recording"
	RecordingPaused  RecordingState = "Paused"
	RecordingStopped RecordingState = "Stopped"
)
