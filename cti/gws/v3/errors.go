package v3

import "errors"

// ErrOptions tells what is wrong with the Options of New.
var ErrOptions = errors.New("workspace: invalid option")
