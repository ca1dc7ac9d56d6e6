package bridge

// doMonitor calls a supervisor to a call.
type doMonitor struct {
	Order  MonitorID
	Target DN // empty: the first DN that talks
	Dest   Destination
	Mode   MonitorMode
	Scope  MonitorScope
	Hidden bool // from agents
	Reply  int
}

// doSwitchMonitor changes the mode of a supervisor.
type doSwitchMonitor struct {
	Order MonitorID
	Mode  MonitorMode
	Reply int
}

// doStopMonitor lets a supervisor go.
type doStopMonitor struct {
	Order MonitorID
	Reply int
}

func (doMonitor) isInput()       {}
func (doSwitchMonitor) isInput() {}
func (doStopMonitor) isInput()   {}

func (in doMonitor) token() int       { return in.Reply }
func (in doSwitchMonitor) token() int { return in.Reply }
func (in doStopMonitor) token() int   { return in.Reply }
