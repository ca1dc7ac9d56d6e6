// Package web serves the agent page out of the binary.
//
// It owns the page's files, how long browsers may keep them, and the headers that say what the page may load and connect
// to. It knows no users, calls or settings: the page gets everything by REST, CometD and SIP like any other client.
//
// The page's sources are here too, in src; scripts/web-build.sh makes dist out of them, which is not committed. A binary
// built without dist serves a page that says how to build it.
package web
