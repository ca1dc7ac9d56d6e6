// Package exchange stands in for Asterisk, to measure the sidecar where the real one would take most of the machine: it
// plays calls from a trunk to phones, as many a second as it is asked to.
//
// What it sends was recorded, in call.txt: the frames of an inbound call at Asterisk 22.10.1, with everything that the
// application is told and does not need, and twice what Asterisk tells twice. It answers requests as far as such a call
// goes and checks none of them; behaviour is tested with package testkit/asterisk.
package exchange
