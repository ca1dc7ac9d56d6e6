package connector

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
)

// DefaultListen is where desktops look.
const DefaultListen = "127.0.0.1:8000"

// Phones tells whether a DN's phone is registered.
type Phones interface {
	InService(ctx context.Context, dn string) (bool, error)
}

// Options set up a Connector. None has a default.
type Options struct {
	Origins []string // exact origins of the desktop's pages
	Phones  Phones
	Log     *slog.Logger
}

// CheckListen reports an address that is not of this machine alone, as ErrNotLoopback.
func CheckListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q: %w", address, ErrNotLoopback)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("%q: %w", address, ErrNotLoopback)
	}
	return nil
}

func checkOrigins(origins []string) error {
	if len(origins) == 0 {
		return ErrNoOrigin
	}
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return fmt.Errorf("%q: %w", origin, ErrOrigin)
		}
	}
	return nil
}
