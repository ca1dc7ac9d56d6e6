package gateway

import "errors"

// ErrOptions says that the gateway can't be built as asked.
var ErrOptions = errors.New("invalid gateway options")
