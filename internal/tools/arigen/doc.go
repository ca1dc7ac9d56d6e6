// Command arigen writes the generated part of package ari.
//
//	arigen -dir ari                          code from the committed inventory
//	arigen -dir ari -root ROOT               inventory from the Asterisk below ROOT, then code
//	arigen -dir ari -check                   is the committed code what the inventory yields?
//	arigen -dir ari -check -root ROOT        ... and does the installed Asterisk still offer all of it?
//
// The inventory holds names and types only; every comment in the generated code
// is composed here. The step from inventory to code needs no Asterisk.
package main
