package connector

import "net/http"

// NewSidecarOver makes a Sidecar whose requests go another way than through the network.
func NewSidecarOver(o SidecarOptions, way http.RoundTripper) (*Sidecar, error) {
	s, err := NewSidecar(o)
	if err == nil {
		s.client.Transport = way
	}
	return s, err
}
