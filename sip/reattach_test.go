package sip_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/sip"
)

const page = "X-Sidecar-Page: 0123456789abcdef0123456789abcdef"

// reconnect is the same page on a new WebSocket: same Contact.
func (w *world) reconnect(b *browser) *browser {
	w.t.Helper()
	back := w.browser(b.dn)
	back.host, back.instance = b.host, b.instance
	require.Equal(w.t, 200, back.register(600, "Authorization: Bearer token-for-"+b.dn, page).status)
	return back
}

func TestTheDialogsOfAPageFollowItsContact(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(*browser){"after the flow ended": (*browser).close, "before its end was noticed": func(*browser) {}} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
				l, d := w.outbound(b)
				old := d.Flow()
				first(b)
				back := w.reconnect(b)
				require.NotEqual(t, old.ID(), d.Flow().ID())
				done := hangup(t, d)
				bye := back.until("BYE")
				require.Equal(t, l.callID, bye.get("Call-ID"), "unasked, the request finds the new flow")
				back.answer(bye, 200, "OK", "")
				require.NoError(t, <-done)
			})
		})
	}
}

func TestADialogStaysAtThePhoneThatHasIt(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		l, d := w.inbound(b, c, "Allow-Events: talk, Hold")
		require.True(t, d.AllowsEvent("talk"))
		require.True(t, d.AllowsEvent("hold"))
		require.False(t, d.AllowsEvent("dtmf"))
		newcomer := w.agent("5001")
		taken := w.events.wait(t, 1)
		require.Equal(t, sip.TakenOver, taken.Kind)
		require.False(t, taken.SameContact)
		thief := *l
		thief.b = newcomer
		require.Equal(t, 481, thief.do("BYE", "").status, "the call goes on at the first phone")
		require.Equal(t, 200, l.do("BYE", "").status)
	})
}

func TestTheInstanceOfOurPageIsKnown(t *testing.T) {
	inTime(t, func(t *testing.T, w *world, b *browser, c calls) {
		at, err := w.Locate("5001")
		require.NoError(t, err)
		require.Empty(t, at.Page)
		w.reconnect(b)
		e := w.events.wait(t, 1)
		require.True(t, e.SameContact)
		require.Equal(t, "0123456789abcdef0123456789abcdef", e.Page)
		at, err = w.Locate("5001")
		require.NoError(t, err)
		require.Equal(t, e.Page, at.Page)
		require.Equal(t, 200, b.register(600, "Authorization: Bearer token-for-5001", "X-Sidecar-Page: ../phone/*").status)
		at, err = w.Locate("5001")
		require.NoError(t, err)
		require.Empty(t, at.Page, "an id that could mean another channel is none")
	})
}
