// Package userdata holds the key-value pairs that business programs attach to a call: typed, ordered, nested, limited in
// size. It owns what they can be, how they are changed and how they are written in JSON; it never knows a call.
package userdata
