package exchange

import "errors"

var (
	errScript = errors.New("the recorded call lacks a step")
	errSilent = errors.New("the sidecar did not do what comes next")
	errSocket = errors.New("no sidecar has opened the event socket")
)
