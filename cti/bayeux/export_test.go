package bayeux

// What the tests look at from inside.
var (
	NewID        = newID
	PatternsOver = patternsOver
	ErrTooLarge  = errTooLarge
)

// Decode reads messages and returns how many there are.
func Decode(body []byte) (int, error) {
	messages, err := decode(body, DefaultMaxBatch)
	return len(messages), err
}

// DecodeForm is Decode for the form encoding.
func DecodeForm(body []byte) (int, error) {
	messages, err := decodeForm(body, DefaultMaxBatch)
	return len(messages), err
}
