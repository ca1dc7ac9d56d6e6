// Package pjsipgen turns the configuration into Asterisk's configuration files: it builds a model of DNs, trunks and
// routes, checks that no value can inject a line, renders the templates, compares with what a directory holds, writes
// atomically, and has a running Asterisk reload and proves that it took everything.
//
// It never holds the text of a file (package templates does), makes a secret (it asks for it), or speaks ARI itself (a
// small interface is handed in).
package pjsipgen
