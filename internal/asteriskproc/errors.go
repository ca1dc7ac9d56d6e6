package asteriskproc

import "errors"

var (
	// ErrNoRoot says that no Asterisk is unpacked in the cache directory.
	ErrNoRoot = errors.New("no Asterisk in the cache directory: run scripts/asterisk-install.sh")
	// ErrConfDir says that the configuration lies where the instance keeps its own links.
	ErrConfDir = errors.New("configuration directory is the instance's own etc: choose another configuration or state directory")
	// ErrExited says that Asterisk ended before it was ready or before it could be asked.
	ErrExited = errors.New("asterisk has exited")
	// ErrSocketPath says that the control socket's path doesn't fit into a socket address.
	ErrSocketPath = errors.New("path of the control socket is too long: choose a shorter TMPDIR")
	// ErrNotReady says that Asterisk did not finish booting in time.
	ErrNotReady = errors.New("asterisk did not finish booting in time")
	// ErrBind says that Asterisk runs without an address that its configuration gives it.
	ErrBind = errors.New("asterisk can't listen on")
)
