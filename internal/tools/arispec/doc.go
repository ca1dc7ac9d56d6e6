// Package arispec holds the inventory of the Asterisk REST Interface: the names
// and types of its resources, operations, models and events, and nothing else.
//
// It reads an inventory from the API description an Asterisk installation ships
// (Swagger 1.1 files) or from the committed inventory.json, and compares two of
// them. Only the code generator and test fakes use it; the daemon does not
// carry it.
package arispec
