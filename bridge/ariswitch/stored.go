package ariswitch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sidecar/ari"
	"sidecar/bridge"
)

// ErrNoRecording says that an Asterisk has no recording of that name.
var ErrNoRecording = errors.New("no such recording")

// Stored gives the files of what Asterisk servers have recorded.
type Stored struct {
	clients map[bridge.ServerID]*ari.Client
}

// NewStored makes a Stored of the clients.
func NewStored(clients []*ari.Client) *Stored {
	s := &Stored{clients: map[bridge.ServerID]*ari.Client{}}
	for _, c := range clients {
		s.clients[bridge.ServerID(c.Server())] = c
	}
	return s
}

// Fetch opens a recording, which the caller closes; ctx bounds the whole transfer. It fails with ErrNoRecording.
func (s *Stored) Fetch(ctx context.Context, server bridge.ServerID, name string) (io.ReadCloser, error) {
	client, err := s.client(server)
	if err != nil {
		return nil, err
	}
	file, err := client.Recordings().OpenStoredFile(ctx, ari.RecordingName(name))
	return file, stored(err)
}

// Remove deletes a recording. It fails with ErrNoRecording.
func (s *Stored) Remove(ctx context.Context, server bridge.ServerID, name string) error {
	client, err := s.client(server)
	if err != nil {
		return err
	}
	return stored(client.Recordings().DeleteStored(ctx, ari.RecordingName(name)))
}

func (s *Stored) client(server bridge.ServerID) (*ari.Client, error) {
	c, ok := s.clients[server]
	if !ok {
		return nil, fmt.Errorf("%s: %w", server, ErrUnknownServer)
	}
	return c, nil
}

func stored(err error) error {
	if errors.Is(err, ari.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrNoRecording, err)
	}
	return err
}
