package gws_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti"
	"sidecar/cti/bayeux"
	"sidecar/cti/gws"
)

const (
	pageOne = "00112233445566778899aabbccddeeff"
	pageTwo = "ffeeddccbbaa99887766554433221100"
)

// order is a command as a page sees it.
type order struct {
	ID     string `json:"id"`
	Verb   string `json:"verb"`
	CallID string `json:"callId"`
}

// orders are the commands that the page has been given since the last time; it waits until there is one.
func (d *desktop) orders() (got []order) {
	d.t.Helper()
	for len(d.inbox) == 0 {
		_, reply := d.connect()
		require.True(d.t, reply.ok(), reply.Error)
	}
	for _, m := range d.inbox {
		require.Equal(d.t, gws.ChannelPagePrefix, m.Channel[:len(gws.ChannelPagePrefix)])
		var o order
		require.NoError(d.t, json.Unmarshal(m.Data, &o))
		got = append(got, o)
	}
	d.inbox = nil
	return got
}

func (d *desktop) ack(data map[string]any) message {
	d.t.Helper()
	replies := d.send(map[string]any{"channel": gws.ChannelPageAcks, "data": data})
	require.Len(d.t, replies, 1)
	return replies[0]
}

// command runs one in the background and gives where its outcome comes.
func (r *rig) command(ctx context.Context, page, verb, callID string) <-chan error {
	outcome := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() { outcome <- r.guide.Command(ctx, page, verb, callID) })
	r.t.Cleanup(wg.Wait)
	return outcome
}

func TestPageDoesWhatItIsToldAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		require.False(t, r.guide.HasPage(pageOne))
		require.ErrorIs(t, r.guide.Command(t.Context(), pageOne, "answer", "c1"), gws.ErrNoPage)

		page := virtual(t, r, "agent1").start(nil, gws.ChannelPagePrefix+pageOne)
		require.True(t, r.guide.HasPage(pageOne))
		require.False(t, r.guide.HasPage(pageTwo))

		outcome := r.command(t.Context(), pageOne, "answer", "abc@host")
		got := page.orders()
		require.Len(t, got, 1)
		require.Regexp(t, "^[0-9a-f]{32}$", got[0].ID)
		require.Equal(t, order{ID: got[0].ID, Verb: "answer", CallID: "abc@host"}, got[0])
		require.True(t, page.ack(map[string]any{"id": got[0].ID, "ok": true}).ok())
		require.NoError(t, <-outcome)

		outcome = r.command(t.Context(), pageOne, "hold", "abc@host")
		second := page.orders()[0]
		require.NotEqual(t, got[0].ID, second.ID)
		require.True(t, page.ack(map[string]any{"id": second.ID, "ok": false, "error": "no such\ncall"}).ok())
		err := <-outcome
		require.ErrorIs(t, err, gws.ErrRefused)
		require.ErrorContains(t, err, "hold: no such call")

		outcome = r.command(t.Context(), pageOne, "drain", "")
		third := page.orders()[0]
		require.Equal(t, order{ID: third.ID, Verb: "drain"}, third)
		page.ack(map[string]any{"id": third.ID, "ok": false, "error": strings.Repeat("x", 5000)})
		err = <-outcome
		require.ErrorIs(t, err, gws.ErrRefused)
		require.Less(t, len(err.Error()), 300)
		page.ack(map[string]any{"id": third.ID, "ok": true}) // late and double: nobody waits
	})
}

func TestPageChannelIsForOwnersOfDNs(t *testing.T) {
	t.Parallel()
	r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
	url := r.serve()
	boss := newDesktop(t, url, "boss")
	require.True(t, boss.handshake(nil).ok())
	reply := boss.subscribe(gws.ChannelPagePrefix + pageOne)
	require.False(t, reply.ok())
	require.Equal(t, "403:only the owner of a DN has a phone:subscribe_denied", reply.Error)
	require.False(t, boss.ack(map[string]any{"id": "x", "ok": true}).ok(), "nor does it acknowledge")

	agent := newDesktop(t, url, "agent1")
	require.True(t, agent.handshake(nil).ok())
	for _, channel := range []string{
		"/phone/*", "/phone/**", "/phone/" + pageOne + "/*", "/phone/" + pageOne + "/x", "/phone/" + pageOne[1:], "/phone/" + pageOne + "0",
		"/phone/" + strings.ToUpper(pageOne), "/phone/00112233445566778899aabbccddeefg", "/phone",
	} {
		reply := agent.subscribe(channel)
		require.False(t, reply.ok(), channel)
		require.Regexp(t, `^403:.+:subscribe_denied$`, reply.Error, channel)
	}
	for _, page := range []string{"", "*", "**", pageOne[1:], pageOne} {
		require.False(t, r.guide.HasPage(page), page)
	}
	replies := agent.send(map[string]any{"channel": gws.ChannelPagePrefix + pageOne, "data": order{Verb: "hangup"}})
	require.Regexp(t, `^403:.+:publish_denied$`, replies[0].Error, "pages take commands, they give none")
}

func TestAckCountsFromThePageAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		page := virtual(t, r, "agent1").start(nil, gws.ChannelPagePrefix+pageOne)
		other := virtual(t, r, "agent2").start(nil, gws.ChannelPagePrefix+pageTwo)
		outcome := r.command(t.Context(), pageOne, "hold", "c1")
		o := page.orders()[0]
		require.True(t, other.ack(map[string]any{"id": o.ID, "ok": true}).ok())
		require.True(t, page.ack(map[string]any{"ok": true}).ok())
		require.Equal(t, 0, len(outcome))
		page.ack(map[string]any{"id": o.ID, "ok": false, "error": "it was I"})
		require.ErrorContains(t, <-outcome, "it was I")
	})
}

func TestCommandEndsWithItsContextThePageOrTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		page := virtual(t, r, "agent1").start(nil, gws.ChannelPagePrefix+pageOne)
		cause := errors.New("nobody wants it any more")
		ctx, cancel := context.WithCancelCause(t.Context())
		outcome := r.command(ctx, pageOne, "answer", "c1")
		page.orders()
		cancel(cause)
		require.ErrorIs(t, <-outcome, cause)

		replies := page.send(map[string]any{"channel": "/meta/unsubscribe", "subscription": gws.ChannelPagePrefix + pageOne})
		require.True(t, replies[0].ok())
		require.ErrorIs(t, r.guide.Command(t.Context(), pageOne, "answer", "c1"), gws.ErrNoPage)

		require.True(t, page.subscribe(gws.ChannelPagePrefix+pageOne).ok())
		outcome = r.command(t.Context(), pageOne, "answer", "c1")
		page.orders()
		require.NoError(t, r.guide.Close(t.Context()))
		require.ErrorIs(t, <-outcome, bayeux.ErrClosed)
		require.False(t, r.guide.HasPage(pageOne))
	})
}

func TestSilentPageIsBoundedInTimeAndNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		page := newDesktop(t, "http://sidecar.test/cometd", "agent1")
		page.http.Transport = direct{r.guide}
		page.start(nil, gws.ChannelPagePrefix+pageOne)
		start := time.Now()
		var outcomes []<-chan error
		for range 16 {
			outcomes = append(outcomes, r.command(t.Context(), pageOne, "hold", "c1"))
		}
		synctest.Wait()
		require.ErrorIs(t, r.guide.Command(t.Context(), pageOne, "hold", "c1"), gws.ErrPageBusy)
		for _, outcome := range outcomes {
			require.ErrorIs(t, <-outcome, gws.ErrNoAck)
		}
		require.Equal(t, gws.CommandTimeout, time.Since(start))
		outcome := r.command(t.Context(), pageOne, "retrieve", "c1")
		synctest.Wait()
		for _, o := range page.orders() {
			page.ack(map[string]any{"id": o.ID, "ok": true})
		}
		require.NoError(t, <-outcome, "it takes commands again")
	})
}

func TestPageWhoseWindowWasClosedTakesNoCommands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cti.FeedOptions{}, gws.Options{}).run()
		page := newDesktop(t, "http://sidecar.test/cometd", "agent1")
		page.http.Transport = direct{r.guide}
		page.start(nil, gws.ChannelPagePrefix+pageOne)
		page.connect() // the first one is answered at once
		var held sync.WaitGroup
		held.Go(func() { page.connect() })
		time.Sleep(20 * time.Second)
		require.True(t, r.guide.HasPage(pageOne), "it waits for commands")
		held.Wait()
		time.Sleep(5 * time.Second)
		require.True(t, r.guide.HasPage(pageOne), "its next connect may be on its way")
		time.Sleep(time.Second)
		require.False(t, r.guide.HasPage(pageOne))
		require.ErrorIs(t, r.guide.Command(t.Context(), pageOne, "answer", "c1"), gws.ErrNoPage)
		page.connect()
		require.True(t, r.guide.HasPage(pageOne), "it was only away")
		require.NoError(t, r.guide.Close(t.Context()))
		require.False(t, r.guide.HasPage(pageOne))
	})
}
