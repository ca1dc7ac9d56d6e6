package pbx

import "errors"

var errPorts = errors.New("no pair of an even UDP port and the next one is free on 127.0.0.1")
