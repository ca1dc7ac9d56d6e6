// Package asteriskproc runs an Asterisk that scripts/asterisk-install.sh unpacked: it finds the tree, gives an instance
// directories of its own, starts it with the tree's own loader, waits until it has booted, and ends it.
//
// It never decides what the configuration says: that is the caller's directory of .conf files. Files that this Asterisk
// needs and the caller doesn't have are taken from the package's samples.
//
// The live tests and `make up` share it, so that both run Asterisk the same way.
package asteriskproc
