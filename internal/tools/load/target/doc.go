// Command target runs package gateway alone, with the profiles of net/http/pprof beside it, for the load tool: to see
// where the gateway's time and memory go. It lets any DN in with the load tool's password and registers all of them at one
// server. It is no product: it listens on 127.0.0.1 only.
package main
