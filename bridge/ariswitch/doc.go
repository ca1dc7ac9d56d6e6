// Package ariswitch lets the call engine command Asterisk servers: it makes ARI requests of what the engine wants
// (package bridge's Switch) and facts for the engine of what ARI reports. It decides nothing.
package ariswitch
