// Package pbx is the other side of what is measured: a SIP server over UDP that registers everybody and answers every
// call at once, and sends each RTP packet back to where it came from. It does as little as it can, so that what is
// measured is the target.
package pbx
