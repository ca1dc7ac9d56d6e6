// Package e2e tests the whole system with its real parts: the sidecar's own binary, a real Asterisk 22, SIP phones
// that hear what they are told, and the CometD clients that desktops use. Its tests carry the build tag e2e.
package e2e
