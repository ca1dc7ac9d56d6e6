package config

import "cmp"

// SIPListenOf is where a server's SIP transports listen.
func (c *Config) SIPListenOf(server Asterisk) string {
	return cmp.Or(server.SIPListen, c.Network.SIPListen)
}
