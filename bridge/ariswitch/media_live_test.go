//go:build e2e

package ariswitch_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/bridge"
	"sidecar/internal/tone"
)

// The tests of this file hold what docs/asterisk-facts.md says.

func TestLiveHold(t *testing.T) {
	t.Parallel()
	l := newLab(t, "moh_passthrough = yes")
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer, agent)
	l.hears(c, agentTone)
	l.hears(a, customerTone)

	l.leave(primary, agent)
	require.NoError(t, l.Music(l.ctx(), primary, "default", true))
	require.NoError(t, l.Hold(l.ctx(), id(customer), true))
	require.NoError(t, c.WaitDirection(l.ctx(), "recvonly"), "its phone shows that it is held")
	l.hearsMusic(c)
	l.hears(a)

	require.NoError(t, l.Hold(l.ctx(), id(customer), false))
	require.NoError(t, l.Music(l.ctx(), primary, "default", false))
	l.join(primary, agent)
	require.NoError(t, c.WaitDirection(l.ctx(), "sendrecv"))
	l.hears(c, agentTone)
	l.hears(a, customerTone)

	// Who is held and leaves its bridge is retrieved by Asterisk.
	require.NoError(t, l.Hold(l.ctx(), id(customer), true))
	require.NoError(t, c.WaitDirection(l.ctx(), "recvonly"))
	l.leave(primary, customer)
	require.NoError(t, c.WaitDirection(l.ctx(), "sendrecv"))
}

func TestLiveHoldWithoutPassthrough(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer, agent)
	l.hears(c, agentTone)
	require.NoError(t, l.Hold(l.ctx(), id(customer), true))
	l.hearsMusic(c)
	l.hears(a, customerTone) // the others still hear who is held
	require.Zero(t, c.Reinvites(), "its phone is told nothing")
	l.leave(primary, customer) // an unhold may be missed, see there
	l.join(primary, customer)
	l.hears(c, agentTone)
}

// The hold of a desk phone is told, and is no more than that in a bridge that always mixes: the music is the engine's.
func TestLiveHoldByThePhone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer, agent)
	l.hears(c, agentTone)
	require.NoError(t, a.Hold(l.ctx()))
	l.sees("pbx1 n1-x.5002 held 0")
	l.hears(c)
	require.NoError(t, l.Music(l.ctx(), primary, "default", true))
	l.hearsMusic(c)
	require.NoError(t, l.Music(l.ctx(), primary, "default", false))
	require.NoError(t, a.Retrieve(l.ctx()))
	l.sees("pbx1 n1-x.5002 retrieved 0")
	l.hears(c, agentTone)
	l.hears(a, customerTone)
}

func TestLiveMovesAndMutes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a, s := l.call(customer), l.call(agent), l.call(supervisor)
	l.join(primary, customer, agent)
	l.join(second, supervisor)
	l.hears(c, agentTone)
	l.hears(s)
	for range 2 { // alternate
		l.join(second, agent) // without leaving first
		l.hears(a, supervisorTone)
		l.hears(s, agentTone)
		l.hears(c)
		l.join(primary, agent)
		l.hears(a, customerTone)
		l.hears(s)
	}
	l.join(primary, agent) // where it is

	mute := func(m bridge.Mute, on bool) { t.Helper(); require.NoError(t, l.Mute(l.ctx(), id(agent), m, on)) }
	mute(bridge.MuteIn, true)
	mute(bridge.MuteIn, true)
	l.hears(c)
	l.hears(a, customerTone)
	l.join(second, agent)
	l.hears(s) // a mute survives the move
	l.join(primary, agent)
	mute(bridge.MuteIn, false)
	mute(bridge.MuteOut, true)
	l.hears(c, agentTone)
	l.hears(a)
	mute(bridge.MuteBoth, true)
	l.hears(c)
	mute(bridge.MuteIn, false)
	l.hears(c, agentTone)
	l.hears(a)
	mute(bridge.MuteBoth, false)
	l.hears(a, customerTone)

	l.leave(primary, agent)
	l.leave(primary, agent, "nobody")
	l.leave(bridge.BridgeID{Server: "pbx1", ID: "n1-x.b9"}, agent)
	l.hears(a)
	require.NoError(t, l.Destroy(l.ctx(), primary))
	l.hears(c)
	l.join(second, customer, agent) // both are up and in the application still
	l.hears(c, agentTone, supervisorTone)
	require.NoError(t, l.Hangup(l.ctx(), id(agent), 16))
	l.sees("pbx1 n1-x.5002 gone 16")
	l.leave(second, agent)
	require.ErrorIs(t, l.Mute(l.ctx(), id(agent), bridge.MuteIn, true), ari.ErrNotFound)
}

func TestLiveDigits(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer, agent)
	l.hears(c, agentTone)
	require.NoError(t, l.SendDTMF(l.ctx(), id(customer), "12#4"))
	require.NoError(t, c.WaitDTMF(l.ctx(), "12#4"))
	require.Empty(t, a.DTMF())
	require.NoError(t, c.SendDTMF(l.ctx(), "997"))
	require.NoError(t, a.WaitDTMF(l.ctx(), "997"))
	for _, digit := range "997" {
		require.Equal(t, fmt.Sprintf("pbx1 n1-x.5001 digit %c", digit), l.digit(), "each once, and also of a call of two")
	}
	l.leave(primary, customer)
	require.NoError(t, c.SendDTMF(l.ctx(), "*"))
	require.Equal(t, "pbx1 n1-x.5001 digit *", l.digit())
}

func TestLiveSupervision(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a, s := l.call(customer), l.call(agent), l.call(supervisor)
	l.join(primary, customer, agent)
	l.snoop("listen", agent, bridge.HearBoth, false)
	require.NoError(t, l.Snoop(l.ctx(), bridge.NewSnoop{Channel: id("listen"), Of: id(agent), Hear: bridge.HearBoth}), "asked again")
	l.join(second, "listen", supervisor)
	l.hears(s, customerTone, agentTone)
	l.hears(a, customerTone)
	l.hears(c, agentTone)

	l.snoop("coach", agent, bridge.HearBoth, true) // another mode: the new one before the old one ends
	l.join(second, "coach")
	require.NoError(t, l.Hangup(l.ctx(), id("listen"), 16))
	l.sees("pbx1 n1-x.listen gone 0")
	l.hears(a, customerTone, supervisorTone)
	l.hears(c, agentTone)
	l.hears(s, customerTone, agentTone)

	l.join(primary, supervisor) // barges in
	l.hears(c, agentTone, supervisorTone)
	l.hears(s, customerTone, agentTone)
	l.join(second, supervisor)
	l.hears(c, agentTone)
	l.hears(a, customerTone, supervisorTone)

	// Neither other sources of sound nor their absence hurt.
	for n := range 3 {
		l.leave(primary, customer)
		l.hears(a, supervisorTone)
		announcement := fmt.Sprint("n1-x.p", n)
		require.NoError(t, l.Play(l.ctx(), bridge.NewPlayback{ID: announcement, Bridge: primary, Media: []string{"sound:silence/10"}}))
		l.hears(a, supervisorTone)
		l.join(primary, customer)
		l.hears(a, customerTone, supervisorTone)
		require.NoError(t, l.StopPlay(l.ctx(), "pbx1", announcement))
		l.sees("pbx1 played " + announcement + " false")
		l.hears(a, customerTone, supervisorTone)
		l.hears(s, customerTone, agentTone)
	}
	l.leave(primary, agent) // alone in no bridge it is still heard
	l.hears(s, agentTone)

	require.NoError(t, a.Hangup(l.ctx()))
	l.sees("pbx1 n1-x.coach gone 0")
	l.sees("pbx1 n1-x.5002 gone 16")
	l.hears(s)
	require.ErrorIs(t, l.Snoop(l.ctx(), bridge.NewSnoop{Channel: id("late"), Of: id(agent), Hear: bridge.HearBoth}), ari.ErrNotFound)
}

// A snoop may wait for the answer of the channel that it hears.
func TestLiveSnoopBeforeTheCall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.call(supervisor)
	require.NoError(t, l.Create(l.ctx(), bridge.NewLeg{Channel: id(customer), To: bridge.Endpoint{DN: customer}}))
	l.sees("pbx1 n1-x.5001 created 0")
	require.ErrorIs(t, l.Hold(l.ctx(), id(customer), true), ari.ErrGone, "who is not up can't be held")
	l.snoop("listen", customer, bridge.HearIn, false)
	l.join(second, "listen", supervisor)
	require.NoError(t, l.Dial(l.ctx(), id(customer), bridge.ChannelID{}, patience))
	l.hears(s, customerTone)
}

func TestLiveAnnouncements(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer)
	require.NoError(t, l.Music(l.ctx(), primary, "default", true))
	l.hearsMusic(c)
	tone := bridge.NewPlayback{ID: "n1-x.p1", Bridge: primary, Media: []string{"tone:1330"}}
	require.NoError(t, l.Play(l.ctx(), tone))
	require.NoError(t, l.Play(l.ctx(), tone), "asked again")
	l.hears(c, supervisorTone)
	l.join(primary, agent) // nothing waits for its end
	l.leave(primary, agent)
	require.NoError(t, l.StopPlay(l.ctx(), "pbx1", "n1-x.p1"))
	l.sees("pbx1 played n1-x.p1 false")
	l.hearsMusic(c) // goes on
	require.NoError(t, l.StopPlay(l.ctx(), "pbx1", "n1-x.p1"))
	require.NoError(t, l.Music(l.ctx(), primary, "default", false))
	l.hears(c)

	require.NoError(t, l.Play(l.ctx(), bridge.NewPlayback{ID: "n1-x.p2", Channel: id(agent), Media: []string{"sound:no-such-sound"}}))
	l.sees("pbx1 played n1-x.p2 true")
	require.NoError(t, l.Play(l.ctx(), bridge.NewPlayback{ID: "n1-x.p3", Channel: id(agent), Media: []string{"sound:beep", "tone:1330"}}))
	l.hears(a, supervisorTone)
	require.NoError(t, a.Hangup(l.ctx()))
	l.sees("pbx1 played n1-x.p3 true")
	require.NoError(t, l.Play(l.ctx(), bridge.NewPlayback{ID: "n1-x.p4", Bridge: primary, Media: []string{"tone:1330"}}))
	l.hears(c, supervisorTone)
	require.NoError(t, l.Destroy(l.ctx(), primary))
	l.hears(c) // its end is not always told
	require.ErrorIs(t, l.Play(l.ctx(), bridge.NewPlayback{ID: "n1-x.p5", Channel: id("nobody"), Media: []string{"tone:1330"}}), ari.ErrNotFound)
}

func TestLiveRecording(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const secret = 1010
	c, a := l.call(customer), l.call(agent)
	l.join(primary, customer, agent)
	record := func(name, of string) {
		l.snoop(name, of, bridge.HearIn, false)
		require.NoError(t, l.Record(l.ctx(), id(name), id(name).ID))
		require.NoError(t, l.PauseRecording(l.ctx(), "pbx1", id(name).ID, true), "before its channel has taken it up")
		require.NoError(t, l.PauseRecording(l.ctx(), "pbx1", id(name).ID, false))
		require.NoError(t, l.Record(l.ctx(), id(name), id(name).ID), "asked again")
	}
	record("rec1", agent)
	record("rec2", customer)
	pause := func(on bool) {
		for range 2 { // once more does no harm
			require.NoError(t, l.PauseRecording(l.ctx(), "pbx1", "n1-x.rec1", on))
		}
	}
	l.hears(c, agentTone)
	pause(true)
	a.SendTone(secret)
	require.NoError(t, c.WaitTone(l.ctx(), secret))
	a.SendTone(agentTone)
	l.hears(c, agentTone)
	require.NoError(t, c.WaitNoTone(l.ctx(), secret))
	pause(false)
	l.hears(c, agentTone)
	l.leave(primary, customer) // is recorded wherever it is
	l.hears(c)
	l.join(second, customer, agent)
	l.hears(c, agentTone)
	require.NoError(t, l.StopRecording(l.ctx(), "pbx1", "n1-x.rec1"))
	l.sees("pbx1 recorded n1-x.rec1 false ")
	require.NoError(t, l.StopRecording(l.ctx(), "pbx1", "n1-x.rec1"))
	require.ErrorIs(t, l.Record(l.ctx(), id("rec1"), "n1-x.rec1"), ari.ErrConflict, "a recording is never written over")
	require.NoError(t, l.Hangup(l.ctx(), id(customer), 16)) // ends the other one
	l.sees("pbx1 recorded n1-x.rec2 false ")
	l.sees("pbx1 n1-x.rec2 gone 0")

	counts := l.recorded("n1-x.rec1", agentTone, customerTone, secret)
	require.Greater(t, counts[0], 8)
	require.Zero(t, counts[1], "the customer is on the other side")
	require.Zero(t, counts[2], "said during the pause")
	counts = l.recorded("n1-x.rec2", customerTone, agentTone)
	require.Greater(t, counts[0], 20)
	require.Zero(t, counts[1])

	// In a bridge a snoop channel can't be recorded.
	l.snoop("rec3", agent, bridge.HearIn, false)
	l.join(second, "rec3")
	require.NoError(t, l.Record(l.ctx(), id("rec3"), "n1-x.rec3"))
	l.sees("pbx1 recorded n1-x.rec3 true Cannot record channel while in bridge")
}

// digit is the next one that is reported.
func (l *lab) digit() string {
	l.t.Helper()
	for {
		var who, what string
		line := take(l.t, l.facts.lines)
		if n, _ := fmt.Sscanf(line, "pbx1 %s digit %s", &who, &what); n == 2 {
			return line
		}
	}
}

// recorded counts the tenths of a second of a recording that hold each tone.
func (l *lab) recorded(name string, tones ...float64) []int {
	l.t.Helper()
	raw, err := l.client.Recordings().GetStoredFile(l.ctx(), ari.RecordingName(name))
	require.NoError(l.t, err)
	const header = 44
	require.Greater(l.t, len(raw), header)
	require.Equal(l.t, "WAVE", string(raw[8:12]))
	require.EqualValues(l.t, 1, binary.LittleEndian.Uint16(raw[22:]), "mono")
	require.EqualValues(l.t, tone.SampleRate, binary.LittleEndian.Uint32(raw[24:]))
	counts := make([]int, len(tones))
	for at := header; at+2*tone.WindowSize <= len(raw); at += 2 * tone.WindowSize {
		window := make([]int16, tone.WindowSize)
		_, err := binary.Decode(raw[at:], binary.LittleEndian, window)
		require.NoError(l.t, err)
		for i, hz := range tones {
			if tone.Present(window, hz) {
				counts[i]++
			}
		}
	}
	return counts
}
