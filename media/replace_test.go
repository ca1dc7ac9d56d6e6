package media_test

import (
	"sync/atomic"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"sidecar/internal/tone"
	"sidecar/media"
)

// Field lesson 15: the page was loaded again, and its next leg takes the place of the lost one in the running call.
func TestFieldLesson15_ReloadedPageTakesUpItsCall(t *testing.T) {
	t.Parallel()
	engine := newEngine(t, nil)
	c := newCall(t, engine, newPool(t, 20, 0), nil)
	var ssrcs, jumps atomic.Int32
	var last atomic.Pointer[rtp.Header]
	listens := sink(c.farHears)
	c.far.SetSink(func(codec media.Codec, packet *rtp.Packet) {
		if before := last.Load(); before != nil {
			if before.SSRC != packet.SSRC {
				ssrcs.Add(1)
			}
			// Between two packets lie at least the 20 ms of the first one, and no more than the test takes.
			if step := packet.Timestamp - before.Timestamp; packet.SequenceNumber == before.SequenceNumber+1 && (step < frame || step > frame*1000) {
				jumps.Add(1)
			}
		}
		header := packet.Header
		last.Store(&header)
		listens(codec, packet)
	})
	c.talk(t)
	c.requireTalk(t)

	var music tone.Generator
	require.NoError(t, c.relay.Play(media.Upstream, func(samples []int16) { music.Fill(samples, 620) }))
	require.NoError(t, c.browser.pc.GracefulClose())
	require.NoError(t, c.farHears.WaitTone(patient(t), 620), "music for the waiting side")

	leg, page := newLeg(t, engine), newBrowser(t, browserOptions{})
	require.ErrorIs(t, media.CheckCodecs(leg.Formats(), c.session.Formats()), media.ErrNotNegotiated)
	page.ring(patient(t), leg)
	require.NoError(t, c.relay.Replace(media.Browser, leg))
	require.NoError(t, c.leg.Close())
	require.NoError(t, waitConnected(page))
	talk(t, 450, page.write)
	require.NoError(t, page.hears.WaitTone(patient(t), ourHz), "the new page hears the upstream")
	require.NoError(t, c.farHears.WaitTone(patient(t), 620), "music until it is told to end")
	c.relay.Resume(media.Upstream)
	require.NoError(t, c.farHears.WaitTone(patient(t), 450), "the upstream hears the new page")
	require.NoError(t, c.farHears.WaitNoTone(patient(t), 620))
	require.Zero(t, c.far.Quality().Lost, "one unbroken stream")
	require.Zero(t, ssrcs.Load(), "of one source")
	require.Zero(t, jumps.Load(), "in one time base")
	require.Zero(t, c.relay.Dropped(media.Upstream)+c.relay.Failed(media.Upstream))

	c.relay.Stop()
	require.ErrorIs(t, c.relay.Replace(media.Browser, leg), media.ErrClosed)
}

// What plays to the side that is replaced goes on at its new end, or nothing changes at all.
func TestMusicFollowsTheReplacedSide(t *testing.T) {
	t.Parallel()
	engine := newEngine(t, nil)
	c := newCall(t, engine, newPool(t, 20, 0), nil)
	c.talk(t)
	c.requireTalk(t)
	var music tone.Generator
	require.NoError(t, c.relay.Play(media.Browser, func(samples []int16) { music.Fill(samples, 620) }))
	require.NoError(t, c.browser.hears.WaitTone(patient(t), 620))

	leg, page := newLeg(t, engine), newBrowser(t, browserOptions{})
	require.ErrorIs(t, c.relay.Replace(media.Browser, leg), media.ErrNotNegotiated)
	require.NoError(t, c.browser.hears.WaitTone(patient(t), 620), "as before")
	page.call(patient(t), leg)
	require.NoError(t, c.relay.Replace(media.Browser, leg))
	require.NoError(t, page.hears.WaitTone(patient(t), 620))
	require.False(t, page.hears.Hears(ourHz))
	c.relay.Resume(media.Browser)
	require.NoError(t, page.hears.WaitTone(patient(t), ourHz))
}
