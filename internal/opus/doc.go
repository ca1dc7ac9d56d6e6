// Package opus encodes and decodes mono opus (RFC 6716) at telephone rates, by libopus.
//
// The library works at 8 and 16 kHz by itself: what lies above half of that is left out before the rate is lowered, so that
// nothing folds back, and no filter of ours is needed. It comes by cgo behind the build tag opus (with nolibopusfile, because
// files are none of our business); without it Built is false and nothing can be made.
//
// The package knows no RTP.
package opus

import "errors"

// FrameMillis is the length of the frames that an Encoder takes.
const FrameMillis = 20

// MaxMillis is the longest sound that one payload can stand for (RFC 6716 section 3.2).
const MaxMillis = 120

// ErrNotBuilt means that this program was built without libopus.
var ErrNotBuilt = errors.New("built without libopus (build tags opus and nolibopusfile, with cgo)")
