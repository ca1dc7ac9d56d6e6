package v3_test

import (
	"context"
	"sync"

	"sidecar/bridge"
)

// exchange is an engine with two calls of anna's, and one of ben's, that notes what it is commanded.
type exchange struct {
	quiet

	mu       sync.Mutex
	calls    []bridge.CallView
	released []bridge.CallView
	monitors []bridge.MonitorView
	got      []any
	err      error // of the next command
}

// The calls of the exchange.
const (
	annasCall  = "0000000000000001" // established
	annasOther = "0000000000000002" // held
	bensCall   = "0000000000000003"
	overCall   = "0000000000000004" // that anna has left
)

func newExchange() *exchange {
	one := func(conn bridge.ConnID, id bridge.CallID, dn bridge.DN, state bridge.PartyState) bridge.CallView {
		c := call(party(dn, state, bridge.CanHold), outside())
		c.ConnID, c.ID = conn, id
		return c
	}
	return &exchange{
		calls: []bridge.CallView{
			one(1, "uuid-1", "5001", bridge.PartyEstablished), one(2, "uuid-2", "5001", bridge.PartyHeld), one(3, "uuid-3", "5002", bridge.PartyEstablished),
		},
		released: []bridge.CallView{one(4, "uuid-4", "5001", bridge.PartyReleased)},
	}
}

func (x *exchange) Calls() []bridge.CallView { return x.calls }

func (x *exchange) Call(id bridge.CallID) (bridge.CallView, bool) {
	for _, list := range [][]bridge.CallView{x.calls, x.released} {
		for _, c := range list {
			if c.ID == id {
				return c, true
			}
		}
	}
	return bridge.CallView{}, false
}

func (x *exchange) Released(dn bridge.DN) []bridge.CallView {
	if dn != "5001" {
		return nil
	}
	return x.released
}

func (x *exchange) Monitors() []bridge.MonitorView { return x.monitors }

// order is a command without what it has of its door: the ids differ from request to request.
type order struct {
	name string
	cmd  any
}

func (x *exchange) take(name string, id bridge.CallID, cmd any) (bridge.CallView, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.err
	if x.err = nil; err != nil {
		return bridge.CallView{}, err
	}
	x.got = append(x.got, order{name, cmd})
	c, _ := x.Call(id)
	return c, nil
}

// taken gives the commands since the last time.
func (x *exchange) taken() []any {
	x.mu.Lock()
	defer x.mu.Unlock()
	got := x.got
	x.got = nil
	return got
}

// fail lets the next command fail.
func (x *exchange) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err = err
}

func (x *exchange) plain(name string, c bridge.PartyCommand) (bridge.CallView, error) {
	c.Op = ""
	return x.take(name, c.Call, c)
}

func (x *exchange) MakeCall(_ context.Context, c bridge.MakeCall) (bridge.CallView, error) {
	c.Op = ""
	return x.take("make", "uuid-1", c)
}

func (x *exchange) Hangup(_ context.Context, c bridge.Hangup) (bridge.CallView, error) {
	c.Op = ""
	return x.take("hangup", c.Call, c)
}

func (x *exchange) Transfer(_ context.Context, c bridge.Transfer) (bridge.CallView, error) {
	c.Op = ""
	return x.take("transfer", c.Call, c)
}

func (x *exchange) Redirect(_ context.Context, c bridge.Redirect) (bridge.CallView, error) {
	c.Op = ""
	return x.take("redirect", c.Call, c)
}

func (x *exchange) Consult(_ context.Context, c bridge.Consult) (bridge.CallView, error) {
	c.Op = ""
	return x.take("consult", c.Call, c)
}

func (x *exchange) SingleStepConference(_ context.Context, c bridge.SingleStepConference) (bridge.CallView, error) {
	c.Op = ""
	return x.take("conference", c.Call, c)
}

func (x *exchange) Merge(_ context.Context, c bridge.Merge) (bridge.CallView, error) {
	c.Op = ""
	return x.take("merge", c.Call, c)
}

func (x *exchange) DropMember(_ context.Context, c bridge.DropMember) (bridge.CallView, error) {
	c.Op = ""
	return x.take("drop", c.Call, c)
}

func (x *exchange) AttachData(_ context.Context, c bridge.AttachData) (bridge.CallView, error) {
	c.Op = ""
	return x.take("attach", c.Call, c)
}

func (x *exchange) UpdateData(_ context.Context, c bridge.UpdateData) (bridge.CallView, error) {
	c.Op = ""
	return x.take("update", c.Call, c)
}

func (x *exchange) DeleteData(_ context.Context, c bridge.DeleteData) (bridge.CallView, error) {
	c.Op = ""
	return x.take("delete", c.Call, c)
}

func (x *exchange) SendDTMF(_ context.Context, c bridge.SendDTMF) (bridge.CallView, error) {
	c.Op = ""
	return x.take("dtmf", c.Call, c)
}

func (x *exchange) Answer(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("answer", c)
}

func (x *exchange) Hold(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("hold", c)
}

func (x *exchange) Retrieve(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("retrieve", c)
}

func (x *exchange) Reject(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("reject", c)
}

func (x *exchange) Release(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("release", c)
}

func (x *exchange) Complete(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("complete", c)
}

func (x *exchange) CompleteTransfer(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("complete-transfer", c)
}

func (x *exchange) CompleteConference(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("complete-conference", c)
}

func (x *exchange) Alternate(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("alternate", c)
}

func (x *exchange) Reconnect(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("reconnect", c)
}

func (x *exchange) StartRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("start-recording", c)
}

func (x *exchange) StopRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("stop-recording", c)
}

func (x *exchange) PauseRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("pause-recording", c)
}

func (x *exchange) ResumeRecording(_ context.Context, c bridge.PartyCommand) (bridge.CallView, error) {
	return x.plain("resume-recording", c)
}

func (x *exchange) Monitor(_ context.Context, c bridge.Monitor) (bridge.MonitorView, error) {
	c.Op = ""
	_, err := x.take("monitor", "", c)
	return bridge.MonitorView{ID: "m", Target: c.Target, Supervisor: string(c.Supervisor)}, err
}

func (x *exchange) SwitchMonitor(_ context.Context, id bridge.MonitorID, mode bridge.MonitorMode) (bridge.MonitorView, error) {
	_, err := x.take("switch", "", [2]string{string(id), string(mode)})
	return bridge.MonitorView{ID: id}, err
}

func (x *exchange) StopMonitor(_ context.Context, id bridge.MonitorID) (bridge.MonitorView, error) {
	_, err := x.take("stop", "", string(id))
	return bridge.MonitorView{ID: id}, err
}
