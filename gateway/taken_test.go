package gateway_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// toldPages are pages that can be told anything.
type toldPages chan string

func (toldPages) Present(string) bool { return true }

func (p toldPages) Do(_ context.Context, page, verb, callID string) error {
	p <- page + " " + verb + callID
	return nil
}

func TestAPageWhoseDNIsTakenIsTold(t *testing.T) {
	t.Parallel()
	pages := make(toldPages, 8)
	w := newWorld(t, func(s *settings) { s.gateway.Pages = pages })
	first := w.agent("5001", "X-Sidecar-Page: aa")
	require.Equal(t, 200, first.register(600).status, "a refresh is no news")
	back := w.connect("5001")
	back.host, back.seq, back.headers = first.host, 100, first.headers
	require.Equal(t, 200, back.register(600).status, "nor is the same page on another WebSocket")

	other := w.connect("5001")
	other.headers = []string{"X-Sidecar-Page: bb"}
	require.Equal(t, 200, other.register(600).status)
	select {
	case told := <-pages:
		require.Equal(t, "aa taken", told)
	case <-patient(t).Done():
		t.Fatal("the page was not told")
	}
	w.again("5001", "")
	select {
	case told := <-pages:
		require.Equal(t, "bb taken", told, "by a phone that is no page of ours")
	case <-patient(t).Done():
		t.Fatal("the page was not told")
	}
	w.again("5001", "")
	require.Empty(t, pages, "a phone that is no page can't be told")
}
