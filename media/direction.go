package media

// Direction is what one side does with a stream (RFC 8866 section 6.7), seen from this side.
type Direction string

// The four directions.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Sends reports whether this side sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether this side receives.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// AnswerTo is our direction when we want d and the other side said theirs (RFC 3264 section 6.1).
func (d Direction) AnswerTo(theirs Direction) Direction {
	send, receive := d.Sends() && theirs.Receives(), d.Receives() && theirs.Sends()
	switch {
	case send && receive:
		return SendRecv
	case send:
		return SendOnly
	case receive:
		return RecvOnly
	}
	return Inactive
}
