package gateway_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/gateway"
)

func TestDrainLetsCallsRunOut(t *testing.T) {
	t.Parallel()
	w, a, p := paged(t)
	call, l, m := inbound(t, w, a)
	w.wait(gateway.Answered)
	w.connect("5002") // a page that doesn't listen, and a phone that is none, are left alone
	drained := make(chan struct{})
	go func() { defer close(drained); w.Drain(patient(t)) }()
	o := p.next(t)
	require.Equal(t, [3]string{pageID, "drain", ""}, [3]string{o.page, o.verb, o.callID})
	o.done <- nil
	w.dialRefused("5001", 503, "new calls are another's")
	require.Equal(t, 503, a.call("5002", newMicrophone(t).offer()).finalOf("INVITE").status)
	requireTalk(t, m, call)
	select {
	case <-drained:
		t.Fatal("a call is left")
	default:
	}
	require.Equal(t, 200, l.do("BYE", "").status)
	<-drained
	require.Zero(t, w.Calls())
	w.registrar.none(t)
}

func TestDrainEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, _, m := inbound(t, w, w.agent("5001"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Drain(ctx)
	require.Equal(t, 1, w.Calls())
	requireTalk(t, m, call)
}

func TestRefreshRegistersAllAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.agent("5001")
	w.agent("5002")
	w.Refresh(50 * time.Millisecond)
	require.ElementsMatch(t, []string{"5001 3600", "5002 3600"}, []string{w.registrar.wait(t), w.registrar.wait(t)})
}
