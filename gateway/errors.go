package gateway

import "errors"

var (
	// ErrOptions says that the gateway can't be built as asked.
	ErrOptions = errors.New("invalid gateway options")
	// ErrNoLeg says that no call has the leg: it is over, or its INVITE has not come yet.
	ErrNoLeg = errors.New("no call has this leg")
	// ErrState says that the call is not where the operation needs it.
	ErrState = errors.New("not possible in the call's present state")
	// ErrNoAbility says that the phone can't be told to do it: it is no page of ours with a live feed, and did not name the
	// event in Allow-Events.
	ErrNoAbility = errors.New("the phone takes no such command")
)
