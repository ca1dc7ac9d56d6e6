package recording

import "errors"

var (
	// ErrGone says that the switch has no such recording any more. A Switch wraps it.
	ErrGone = errors.New("the switch does not have this recording")
	// ErrNotFound says that there is no recording of this id.
	ErrNotFound = errors.New("recording not found")
	// ErrNoAudio says that a recording has no sound to give: it failed.
	ErrNoAudio = errors.New("this recording failed and has no sound")
	// ErrNoRoom says that too little of the disk is free to begin a recording.
	ErrNoRoom = errors.New("too little disk space is free for recordings")
	// ErrCursor says that a page was asked for with something that is no cursor.
	ErrCursor = errors.New("must be the next of an earlier answer")
	// ErrFormat says that a file is no sound that can be merged: RIFF/WAVE, PCM of 16 bits, one channel, 8 or 16 kHz.
	ErrFormat = errors.New("not a WAV file of 16-bit mono PCM at 8 or 16 kHz")

	errName  = errors.New("a recording's name must be of letters, digits and . _ -, and no longer than 120")
	errRates = errors.New("both sides must have the same sample rate")
)
