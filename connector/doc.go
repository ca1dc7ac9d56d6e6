// Package connector answers an agent desktop that looks for a softphone on the agent's own PC.
//
// Desktops such as Workspace Web Edition ask https://127.0.0.1:8000 whether a SIP endpoint is there and registered. Here the
// endpoint is a page of the sidecar's, which no desktop can ask, so this package speaks the contract in its place: it owns the
// requests and their answers, who may ask (pages of the configured origins, on this machine), and it reports a DN as active while
// the sidecar says that it is in service. It never touches sound, SIP or calls: the contract has no verbs for them.
//
// It is built for the desktops of agents, Windows among them, and so imports nothing of the daemon.
package connector
