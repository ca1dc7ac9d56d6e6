// Package asterisk gives tests a real Asterisk 22: a thin wrapper of internal/asteriskproc that ends what it started, shows the
// log of a failed test, and reserves ports so that several instances run side by side.
//
// It never fakes an answer and never skips: a machine without the Asterisk of scripts/asterisk-install.sh fails the test.
package asterisk
