package bridge

import (
	"context"
	"errors"
)

// ErrNotBuilt is a command that the engine does not carry out yet.
var ErrNotBuilt = errors.New("the engine does not do this yet")

// ErrNotAMember is a number that nobody in the call has.
var ErrNotAMember = errors.New("nobody in this call has that number")

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

// Release takes By out of the call; the others stay when there are two or more.
func (e *Engine) Release(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// Redirect returns once the other number is being called and By has left.
func (e *Engine) Redirect(context.Context, Redirect) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// SetMute returns once it is done. What is so already is no error.
func (e *Engine) SetMute(context.Context, SetMute) (CallView, error) { return CallView{}, ErrNotBuilt }

// SendDTMF returns once the digits are being sent.
func (e *Engine) SendDTMF(context.Context, SendDTMF) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// Complete removes a call that is released from the list of By.
func (e *Engine) Complete(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// Consult returns the consult call once its target is being called.
func (e *Engine) Consult(context.Context, Consult) (CallView, error) { return CallView{}, ErrNotBuilt }

// CompleteTransfer connects the held party with the target of the consult call, before or after it has answered. The call
// of the command is either of the two; the result is the primary one.
func (e *Engine) CompleteTransfer(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// CompleteConference brings all three together, under the conditions of CompleteTransfer.
func (e *Engine) CompleteConference(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// Alternate holds the one call and retrieves the other; the result is the one that is retrieved.
func (e *Engine) Alternate(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// Reconnect ends the consult call, also while it rings, and retrieves the primary one, which is the result.
func (e *Engine) Reconnect(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// MuteTransfer returns once the target is being called and By has left.
func (e *Engine) MuteTransfer(context.Context, MuteTransfer) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// SingleStepConference returns once the further party is being called.
func (e *Engine) SingleStepConference(context.Context, SingleStepConference) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// Merge returns the call that has taken in the other one.
func (e *Engine) Merge(context.Context, Merge) (CallView, error) { return CallView{}, ErrNotBuilt }

// DropMember returns once the others have been told.
func (e *Engine) DropMember(context.Context, DropMember) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// AttachData refuses with a *UserDataError what breaks a limit.
func (e *Engine) AttachData(context.Context, AttachData) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// UpdateData refuses with a *UserDataError what breaks a limit.
func (e *Engine) UpdateData(context.Context, UpdateData) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// DeleteData takes a key that is not there for deleted.
func (e *Engine) DeleteData(context.Context, DeleteData) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// StartRecording begins to record the call. One that is being recorded is no error.
func (e *Engine) StartRecording(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// StopRecording ends the recording for good.
func (e *Engine) StopRecording(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// PauseRecording keeps what is said out of the recording until ResumeRecording.
func (e *Engine) PauseRecording(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}

// ResumeRecording goes on with a recording that was paused.
func (e *Engine) ResumeRecording(context.Context, PartyCommand) (CallView, error) {
	return CallView{}, ErrNotBuilt
}
