package gateway_test

import "sidecar/sip"

// onFlowLost closes the channel when the first flow is lost.
func onFlowLost(lost chan struct{}) func(sip.RegistrationEvent) {
	return func(e sip.RegistrationEvent) {
		if e.Kind == sip.FlowLost {
			close(lost)
		}
	}
}
