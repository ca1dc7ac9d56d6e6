package arispec

import "errors"

// Errors that callers tell apart.
var (
	// ErrMajorVersion says that an Asterisk is not of the major version the
	// inventory describes.
	ErrMajorVersion = errors.New("unsupported Asterisk major version")
	// ErrNotSuperset says that an Asterisk lacks, or has changed, something the
	// inventory describes.
	ErrNotSuperset = errors.New("the installed Asterisk is not a superset of the inventory")
	// ErrDescription says that an API description can't be understood.
	ErrDescription = errors.New("unusable API description")
)
