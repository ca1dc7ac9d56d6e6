package connector

import "errors"

// What can go wrong. Test with errors.Is.
var (
	ErrNotLoopback = errors.New("the connector listens on this machine only: write 127.0.0.1:PORT or [::1]:PORT")
	ErrNoOrigin    = errors.New("no origin is allowed: name those of the desktop's pages, such as https://desktop.example.com")
	ErrOrigin      = errors.New("not an origin: write scheme, host and port without a path, such as https://desktop.example.com")
	ErrSidecar     = errors.New("not the address of a sidecar: write https://HOST[:PORT]; http only for this machine, since a token goes along")
	ErrNoToken     = errors.New("no token for the sidecar")
	ErrNoPassword  = errors.New("no password for the sidecar")
	ErrBoth        = errors.New("a token besides a user's name and password: one of them is enough")
	ErrCredentials = errors.New("the sidecar does not take this user's name and password: they are tried again in 10 minutes, another password at once")
	ErrOpenFile    = errors.New("others may read this file with a secret: make it readable for its owner only (chmod 600)")
	ErrCA          = errors.New("no certificate in PEM form in the file of the authority")

	errBody    = errors.New("not the JSON that this request has")
	errUsers   = errors.New("users must be 1 to 10 DNs of letters, digits and + * # . _ -")
	errForeign = errors.New("this origin is not allowed: see --origin of the connector")
	errHost    = errors.New("the connector is asked by the name of this machine only")
	errUnknown = errors.New("there is no such request in the connector's contract")
)
