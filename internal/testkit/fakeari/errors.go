package fakeari

import "errors"

// errBadRequest says that a client sent what no Asterisk would understand.
var errBadRequest = errors.New("bad request")
