package gws

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"sidecar/cti/bayeux"
)

// The command channel of an agent's page. Each page has an instance id of its own, which it chooses at random when it is loaded:
// whoever doesn't know it can't listen.
const (
	// ChannelPagePrefix and a page's instance id make the channel on which the page takes commands.
	ChannelPagePrefix = "/phone/"
	// ChannelPageAcks is where pages acknowledge commands.
	ChannelPageAcks = "/service/phone"
)

const (
	// CommandTimeout is how long a page has to acknowledge a command.
	CommandTimeout = 3 * time.Second

	pageIDLength   = 32 // 128 bits in hex
	maxCommands    = 16 // under way at one page
	maxAckErrorLen = 200

	// between connects a page is not heard of for the time of a round trip, on a bad network of some
	pageSilence = 5 * time.Second
)

// command is what a page gets.
type command struct {
	ID     string `json:"id"`
	Verb   string `json:"verb"`
	CallID string `json:"callId,omitempty"`
}

// ack is what a page says to it.
type ack struct {
	ID    string `json:"id"`
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

// pages are the commands that wait for their acknowledgement. It keeps no list of the pages: those are the
// subscriptions of the Bayeux server.
type pages struct {
	mu      sync.Mutex
	waiting map[string]*waiting // by command id
	count   map[string]int      // by page
}

type waiting struct {
	page string
	done chan ack // takes one
}

func newPages() *pages { return &pages{waiting: map[string]*waiting{}, count: map[string]int{}} }

func (p *pages) add(page string) (id string, w *waiting, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count[page] >= maxCommands {
		return "", nil, fmt.Errorf("%w: %d commands are waiting for it", ErrPageBusy, maxCommands)
	}
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	id, w = hex.EncodeToString(raw), &waiting{page: page, done: make(chan ack, 1)}
	p.waiting[id] = w
	p.count[page]++
	return id, w, nil
}

func (p *pages) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.waiting[id]
	delete(p.waiting, id)
	if p.count[w.page]--; p.count[w.page] == 0 {
		delete(p.count, w.page)
	}
}

// take gives the acknowledgement to whoever waits; only one from a session that listens for the page counts, and
// only the first.
func (p *pages) take(a ack, listens func(channel string) bool) bool {
	p.mu.Lock()
	w := p.waiting[a.ID]
	p.mu.Unlock()
	if w == nil || !listens(ChannelPagePrefix+w.page) {
		return false
	}
	select {
	case w.done <- a:
		return true
	default:
		return false
	}
}

// HasPage reports whether the page with that instance id takes commands: it has subscribed, and its window is not closed.
func (g *Guide) HasPage(page string) bool { return len(g.pageSessions(page)) > 0 }

func (g *Guide) pageSessions(page string) []*bayeux.Session {
	if !validPageID(page) {
		return nil
	}
	sessions := g.server.Subscribers(ChannelPagePrefix + page)
	return slices.DeleteFunc(sessions, func(s *bayeux.Session) bool { return !s.Alive(pageSilence) })
}

// Command has a page do something with a call, named by the SIP Call-ID of the page's dialog, or with itself: then callID is
// empty. It returns when the page has acknowledged: nil, or ErrRefused with the page's words. ErrNoPage means that
// nobody takes commands under that id, ErrNoAck that no acknowledgement came within CommandTimeout.
func (g *Guide) Command(ctx context.Context, page, verb, callID string) error {
	sessions := g.pageSessions(page)
	if len(sessions) == 0 {
		return ErrNoPage
	}
	id, w, err := g.pages.add(page)
	if err != nil {
		return err
	}
	defer g.pages.remove(id)
	event, err := bayeux.NewEvent(ChannelPagePrefix+page, command{ID: id, Verb: verb, CallID: callID})
	if err != nil {
		return fmt.Errorf("command %s: %w", verb, err)
	}
	// A page that came back with a new session may have an old one for a while.
	delivered := 0
	for _, s := range sessions {
		if err := s.Deliver(event); err == nil {
			delivered++
		}
	}
	if delivered == 0 {
		return ErrNoPage
	}
	ctx, cancel := context.WithTimeoutCause(ctx, CommandTimeout, ErrNoAck)
	defer cancel()
	select {
	case a := <-w.done:
		if a.OK {
			return nil
		}
		return fmt.Errorf("%w: %s: %s", ErrRefused, verb, ackText(a.Error))
	case <-ctx.Done():
		return fmt.Errorf("command %s: %w", verb, context.Cause(ctx))
	case <-g.ended:
		return fmt.Errorf("command %s: %w", verb, bayeux.ErrClosed)
	}
}

// onMessage takes the pages' acknowledgements: the policy lets nothing else through.
func (g *Guide) onMessage(ctx context.Context, s *bayeux.Session, e bayeux.Event) {
	var a ack
	if err := json.Unmarshal(e.Data, &a); err != nil || a.ID == "" {
		g.opts.Logger.DebugContext(ctx, "page sent no acknowledgement", "session", s.Ref(), "error", err)
		return
	}
	if !g.pages.take(a, s.Subscribed) {
		g.opts.Logger.DebugContext(ctx, "nobody waits for the acknowledgement", "session", s.Ref())
	}
}

// mayListen decides on a subscription to a page's channel.
func mayListen(m *Member, channel string) error {
	if !validPageID(strings.TrimPrefix(channel, ChannelPagePrefix)) {
		return &bayeux.DeniedError{Reason: "a page's id is 32 hexadecimal digits in lower case", Err: errChannel}
	}
	if !m.ownsDN() {
		return &bayeux.DeniedError{Reason: "only the owner of a DN has a phone", Err: errNoDN}
	}
	return nil
}

func validPageID(page string) bool {
	return len(page) == pageIDLength && strings.Trim(page, "0123456789abcdef") == ""
}

// ackText keeps what a page says fit for a log and an error message.
func ackText(said string) string {
	text := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, said))
	if len(text) > maxAckErrorLen {
		text = text[:maxAckErrorLen]
	}
	if len(text) == 0 {
		return "without a reason"
	}
	return string(text)
}
