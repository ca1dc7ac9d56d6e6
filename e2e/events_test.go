//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"sidecar/cti/schema"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

const natsToken = "a-token-for-the-tests"

// programs is a system whose events programs follow in every way that there is.
type programs struct {
	*system

	whole                   *system // of the whole test: whom it starts lives longer than a step
	first, second, customer *phone.Phone
	crm, erp                *receiver // the second takes nothing
	log                     jetstream.Stream
	nats                    *nats.Conn
	js                      jetstream.JetStream
}

func newPrograms(t *testing.T) *programs {
	t.Helper()
	ports := asterisk.FreePorts(t, 3)
	address := func(i int) string { return fmt.Sprint("127.0.0.1:", ports[i]) }
	s := newSystem(t, fmt.Sprintf(`node: n1
event_log: {listen: %[1]q, token: %[2]s}
webhooks:
  crm: {url: "http://%[3]s/crm?key=hush", secret: %[5]q}
  erp: {url: "http://%[4]s/erp", secret: %[5]q, events: [Released], topic: call, give_up_after: 1s}
`, address(0), natsToken, address(1), address(2), hookSecret()))
	p := &programs{system: s, whole: s, crm: newReceiver(t, address(1), http.StatusNoContent), erp: newReceiver(t, address(2), http.StatusGone)}
	s.startAsterisk()
	s.startSidecar()
	s.waitReady()
	s.readPasswords()
	message := s.described(schema.Webhook)
	for _, r := range []*receiver{p.crm, p.erp} {
		r.mu.Lock()
		r.schema = message
		r.mu.Unlock()
	}
	p.first, p.second, p.customer = s.agentPhone("5001", phone.RingOnly), s.agentPhone("5002", phone.RingOnly), s.customerPhone()
	s.inService("5001", "5002")
	p.connect("nats://" + address(0))
	return p
}

// connect is what a program does that knows nothing but docs/event-log.md.
func (p *programs) connect(url string) {
	p.t.Helper()
	var err error
	p.nats, err = nats.Connect(url, nats.Token(natsToken), nats.MaxReconnects(-1), nats.ReconnectWait(tick))
	require.NoError(p.t, err)
	p.t.Cleanup(p.nats.Close)
	p.js, err = jetstream.New(p.nats)
	require.NoError(p.t, err)
	p.log, err = p.js.Stream(soon(p.t), "sidecar-events")
	require.NoError(p.t, err)
}

// stored reads what the log has for a filter, after a number.
func (p *programs) stored(after uint64, filter ...string) (all []jetstream.Msg) {
	p.t.Helper()
	consumer, err := p.log.OrderedConsumer(soon(p.t), jetstream.OrderedConsumerConfig{
		FilterSubjects: filter, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	require.NoError(p.t, err)
	for {
		batch, err := consumer.FetchNoWait(1000)
		require.NoError(p.t, err)
		n := 0
		for m := range batch.Messages() {
			all, n = append(all, m), n+1
		}
		require.NoError(p.t, batch.Error())
		if n == 0 {
			return all
		}
	}
}

// ids are those of what the log has after a number, and somebody may see.
func (p *programs) ids(after uint64) (ids []string) {
	p.t.Helper()
	for _, m := range p.stored(after, "sidecar.events.>") {
		if m.Headers().Get("Sidecar-Audience") != "" {
			ids = append(ids, m.Headers().Get("Nats-Msg-Id"))
		}
	}
	return ids
}

// oneCall is a customer's call, answered and hung up.
func (p *programs) oneCall() {
	p.t.Helper()
	cust, a := conversation(p.t, p.customer, p.first)
	require.NoError(p.t, cust.Hangup(soon(p.t)))
	ended(p.t, a)
	p.eventually("the call is over", func() bool { return len(p.calls("supervisor")) == 0 })
}

// Programs that follow what happens, by every way that there is, while the daemon is killed and their own ends go down: each has
// what the log has.
func TestProgramsFollowTheEvents(t *testing.T) {
	t.Parallel()
	p := newPrograms(t)
	for _, step := range []struct {
		name string
		run  func(*programs)
	}{
		{"subjects are as documented", (*programs).subjects},
		{"the daemon is killed", (*programs).killed},
		{"a receiver is down for a while", (*programs).receiverDown},
		{"a receiver takes nothing", (*programs).deadLetters},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			inner := *p
			inner.system = p.in(t)
			step.run(&inner)
		})
		require.True(t, ok, step.name)
	}
	p.requireNoLeftovers()
}

// subjects follows docs/event-log.md, "For other programs".
func (p *programs) subjects() {
	described := p.described(schema.Stored)
	own, err := p.nats.SubscribeSync("sidecar.events.*.agent.5001")
	require.NoError(p.t, err)
	calls, err := p.nats.SubscribeSync("sidecar.events.n1.call")
	require.NoError(p.t, err)
	require.NoError(p.t, p.nats.FlushWithContext(soon(p.t)))
	info, err := p.log.Info(soon(p.t))
	require.NoError(p.t, err)
	before := info.State.LastSeq

	cust, a := conversation(p.t, p.customer, p.first)
	id := p.onlyCall("Established").ID
	bucket, err := p.js.KeyValue(soon(p.t), "sidecar-state")
	require.NoError(p.t, err)
	for _, key := range []string{"n1.call." + id, "n1.dn.5001", "n1.lease"} {
		p.eventually(key+" is in the bucket", func() bool {
			_, missing := bucket.Get(soon(p.t), key)
			return missing == nil
		})
	}
	require.NoError(p.t, cust.Hangup(soon(p.t)))
	ended(p.t, a)

	var lines []string
	for len(lines) == 0 || lines[len(lines)-1] != "Released" {
		lines = append(lines, p.live(own, "sidecar.events.n1.agent.5001", described.Check).Event)
	}
	require.Subset(p.t, lines, []string{"Ringing", "Established", "Released"})
	for last := ""; last != "Released"; {
		last = p.live(calls, "sidecar.events.n1.call", described.Check).Event
	}
	// What was live is kept under the same subjects, by a consumer with a filter. Who listens may be told before it is.
	var kept []string
	p.eventually("what was live is kept", func() bool {
		kept = nil
		for _, m := range p.stored(before, "sidecar.events.*.agent.5001") {
			require.NoError(p.t, described.Check(m.Data()), string(m.Data()))
			var e struct{ Event string }
			require.NoError(p.t, json.Unmarshal(m.Data(), &e))
			kept = append(kept, e.Event)
		}
		return len(kept) >= len(lines)
	})
	require.Equal(p.t, lines, kept[:len(lines)])
	require.NoError(p.t, own.Unsubscribe())
	require.NoError(p.t, calls.Unsubscribe())

	wrong, err := nats.Connect(p.nats.ConnectedUrl(), nats.Token("another-token-of-tests"))
	require.ErrorIs(p.t, err, nats.ErrAuthorization)
	require.Nil(p.t, wrong)
}

type storedNews struct{ Event, EventID, DN string }

// live reads an event as it is published.
func (p *programs) live(from *nats.Subscription, subject string, check func([]byte) error) (e storedNews) {
	p.t.Helper()
	m, err := from.NextMsgWithContext(soon(p.t))
	require.NoError(p.t, err)
	require.Equal(p.t, subject, m.Subject)
	require.NoError(p.t, check(m.Data), string(m.Data))
	require.NoError(p.t, json.Unmarshal(m.Data, &e))
	require.Equal(p.t, e.EventID, m.Header.Get("Nats-Msg-Id"))
	if e.DN != "" {
		require.Equal(p.t, e.DN, m.Header.Get("Sidecar-Audience"))
	}
	return e
}

// killed: the daemon is killed while one customer talks and another's call rings.
func (p *programs) killed() {
	sse, socket := p.followSSE("supervisor"), p.followSocket("supervisor")
	p.oneCall()
	cust, a := conversation(p.t, p.customer, p.first)
	p.onlyCall("Established")
	inner := dial(p.t, p.first, "5002", agentTone)
	b := incoming(p.t, p.second, 0)
	p.whole.killSidecar()
	talk(p.t, cust, customerTone, a, agentTone)
	p.whole.startSidecar()
	p.waitReady()
	p.inService("5001", "5002")
	require.NoError(p.t, inner.Hangup(soon(p.t)))
	ended(p.t, b)
	require.NoError(p.t, cust.Hangup(soon(p.t)))
	ended(p.t, a)
	p.eventually("the calls are over", func() bool { return len(p.calls("supervisor")) == 0 })
	p.oneCall()

	for _, f := range []*follower{sse, socket} {
		p.same(f.name, f.began, f.ids)
		f.unbroken()
	}
	p.same("the webhook", p.crm.began, p.crm.ids)
}

// same waits until a program has what the log has, from where the program began, and requires that it has just that.
func (p *programs) same(name string, began func() uint64, program func() []string) {
	p.t.Helper()
	var want, got []string
	p.eventually(name+" has what the log has", func() bool {
		want, got = p.ids(began()), program()
		return len(got) > 0 && len(got) >= len(want)
	})
	require.Equal(p.t, want, got, name)
}

// receiverDown: what could not be delivered is tried again, after longer and longer pauses, under the same id.
func (p *programs) receiverDown() {
	p.crm.down()
	p.oneCall()
	p.eventually("the webhook is known to fail", func() bool { of := p.hook("crm"); return of.FailingSince != "" && of.Failed > 1 })
	require.NotContains(p.t, p.hook("crm").LastError, "hush")
	before := len(p.crm.got())
	p.crm.answer(http.StatusServiceUnavailable)
	p.crm.up()
	p.eventually("it was tried again and again", func() bool { return len(p.crm.got()) >= before+3 })
	p.crm.answer(http.StatusNoContent)
	p.eventually("it works again", func() bool { return p.hook("crm").FailingSince == "" })
	p.same("the webhook", p.crm.began, p.crm.ids)

	failed := p.crm.got()[before : before+3]
	for i, again := range failed[1:] {
		require.Equal(p.t, failed[0].id, again.id, "the id of a repeated message is the same")
		require.Equal(p.t, failed[0].body, again.body)
		least := 2 * time.Second << i // it had failed twice before, and pauses of 1 s, 2 s, 4 s are cut by half at most
		require.GreaterOrEqual(p.t, again.at.Sub(failed[i].at), least, "pauses grow")
	}
}

// deadLetters: what a receiver refuses for too long is kept, shown, and can be sent again.
func (p *programs) deadLetters() {
	const path = "/api/v1/webhooks/erp/dead-letters"
	type letter struct {
		ID        int
		MessageID string
		Attempts  int
		Events    int
		Reason    string
		Message   json.RawMessage
	}
	var list struct{ DeadLetters []letter }
	p.eventually("there are dead letters", func() bool {
		list.DeadLetters = nil
		p.as("admin", http.MethodGet, path, nil).want(http.StatusOK).into(&list)
		return len(list.DeadLetters) >= 2 && len(list.DeadLetters) == p.hook("erp").DeadLetters // one may have come in between
	})
	require.Empty(p.t, p.hook("crm").FailingSince, "the other is not held up")
	p.as("supervisor", http.MethodGet, path, nil).want(http.StatusForbidden)
	one := list.DeadLetters[len(list.DeadLetters)-1]
	require.Contains(p.t, one.Reason, "410")
	require.Positive(p.t, one.Attempts)
	self := fmt.Sprintf("%s/%d", path, one.ID)
	p.as("admin", http.MethodGet, self, nil).want(http.StatusOK).into(&one)
	p.as("admin", http.MethodPost, self+"/redeliver", nil).want(http.StatusBadGateway)

	p.erp.answer(http.StatusNoContent)
	before := len(p.erp.got())
	p.as("admin", http.MethodPost, self+"/redeliver", nil).want(http.StatusNoContent)
	var sent *post
	for _, got := range p.erp.got()[before:] {
		if got.id == one.MessageID {
			sent = &got
		}
	}
	require.NotNil(p.t, sent)
	require.JSONEq(p.t, string(one.Message), sent.body)
	require.Len(p.t, sent.events, one.Events)
	p.as("admin", http.MethodGet, self, nil).want(http.StatusNotFound)
	other := fmt.Sprintf("%s/%d", path, list.DeadLetters[0].ID)
	p.as("admin", http.MethodDelete, other, nil).want(http.StatusNoContent)
	p.as("admin", http.MethodPost, other+"/redeliver", nil).want(http.StatusNotFound)
}
