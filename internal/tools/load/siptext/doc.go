// Package siptext is just enough SIP to load a server with: messages as text, and the digest answer to a challenge. It
// validates nothing and follows no transaction; what it reads was written by a program under test on the same machine.
package siptext
