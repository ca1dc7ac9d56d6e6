package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sidecar/cti/follow"
	"sidecar/internal/backoff"
)

// Zero fields of Options and Target stand for these.
const (
	defaultTimeout = 10 * time.Second
	defaultGiveUp  = 24 * time.Hour
	defaultKeep    = 30 * 24 * time.Hour
	minPause       = time.Second
	maxPause       = 5 * time.Minute
	maxRetake      = 10 * time.Second // between attempts to find its place in the feed

	trimEvery = time.Hour
	// A target that nothing has concerned for so long is noted to have been told up to here: else its place in the feed would
	// become too old, which is a snapshot for it after a restart. The log keeps everything for longer.
	moveEvery = time.Minute
)

// Target is somebody who is told.
type Target struct {
	Name   string
	URL    string
	Secret string      // as ParseSecret reads it
	Want   follow.Want // what of
	GiveUp time.Duration
}

// Options set up Hooks. Feed, Store and Log have no defaults.
type Options struct {
	Targets []Target
	Node    string // the sidecar whose events they are, as messages name it
	Feed    Feed
	Store   Store
	Log     *slog.Logger

	Transport http.RoundTripper // nil: one that goes through the proxy of the environment, if there is one
	Timeout   time.Duration     // of a request, 10 s
	Keep      time.Duration     // dead letters are kept this long, 30 days
	Backoff   backoff.Policy    // between attempts, from 1 s to 5 min
}

// Hooks are the webhooks of the sidecar.
type Hooks struct {
	o     Options
	hooks []*hook
}

// New checks the targets and prepares them; Run serves them. It fails with ErrURL, ErrSecret or ErrType.
func New(o Options) (*Hooks, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	if o.Backoff.Min <= 0 {
		o.Backoff.Min, o.Backoff.Max = minPause, maxPause
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.Timeout)
	}
	h := &Hooks{o: o}
	for _, t := range o.Targets {
		made, err := newHook(&h.o, t)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", t.Name, err)
		}
		h.hooks = append(h.hooks, made)
	}
	return h, nil
}

func newHook(o *Options, t Target) (*hook, error) {
	secret, err := ParseSecret(t.Secret)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(t.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, ErrURL
	}
	types := follow.Types()
	for _, name := range t.Want.Types {
		if !slices.Contains(types, name) {
			return nil, fmt.Errorf("%q: %w: there are %s", name, ErrType, strings.Join(types, ", "))
		}
	}
	if t.GiveUp <= 0 {
		t.GiveUp = defaultGiveUp
	}
	return &hook{
		o: o, target: t, secret: secret, log: o.Log.With("webhook", t.Name), pauses: backoff.New(o.Backoff),
		client: &http.Client{
			Transport: o.Transport, Timeout: o.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		status: Status{Name: t.Name, URL: u.Scheme + "://" + u.Host + u.Path}, // a query may hold a secret
	}, nil
}

func newTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout: timeout, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Run serves all targets until ctx ends or the feed does.
func (h *Hooks) Run(ctx context.Context) {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	for _, one := range h.hooks {
		wg.Go(func() { one.run(ctx) })
	}
	var trim sync.WaitGroup
	if len(h.hooks) > 0 {
		trim.Go(func() { h.trim(ctx) })
	}
	wg.Wait()
	cancel()
	trim.Wait()
	if t, ok := h.o.Transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

func (h *Hooks) trim(ctx context.Context) {
	for {
		if err := h.o.Store.TrimDeadLetters(ctx, time.Now().Add(-h.o.Keep)); err != nil && ctx.Err() == nil {
			h.o.Log.WarnContext(ctx, "dead_letters_not_trimmed", "error", err)
		}
		if backoff.Sleep(ctx, trimEvery) != nil {
			return
		}
	}
}

// Statuses tells how the targets do, in the order of the settings.
func (h *Hooks) Statuses(ctx context.Context) ([]Status, error) {
	list := make([]Status, 0, len(h.hooks))
	for _, one := range h.hooks {
		s := one.snapshot()
		n, err := h.o.Store.CountDeadLetters(ctx, s.Name)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", s.Name, err)
		}
		s.DeadLetters = n
		list = append(list, s)
	}
	return list, nil
}

// Figures are Statuses without what only the store knows: DeadLetters is how many there were since the start.
func (h *Hooks) Figures() []Status {
	list := make([]Status, 0, len(h.hooks))
	for _, one := range h.hooks {
		list = append(list, one.snapshot())
	}
	return list
}

// DeadLetters gives a target's dead letters, the newest first, without their bodies. It fails with ErrTarget.
func (h *Hooks) DeadLetters(ctx context.Context, q DeadLetterQuery) ([]DeadLetter, error) {
	if _, err := h.find(q.Target); err != nil {
		return nil, err
	}
	return h.o.Store.DeadLetters(ctx, q)
}

// DeadLetter gives one with its body. It fails with ErrTarget or ErrNoDeadLetter.
func (h *Hooks) DeadLetter(ctx context.Context, target string, id int64) (DeadLetter, error) {
	if _, err := h.find(target); err != nil {
		return DeadLetter{}, err
	}
	return h.o.Store.DeadLetter(ctx, target, id)
}

// Redeliver sends a dead letter once more, beside what is being delivered. When the target takes it, it is one no
// longer; otherwise it stays, and the error says why.
func (h *Hooks) Redeliver(ctx context.Context, target string, id int64) error {
	to, err := h.find(target)
	if err != nil {
		return err
	}
	d, err := h.o.Store.DeadLetter(ctx, target, id)
	if err != nil {
		return err
	}
	if err = to.post(ctx, d.MessageID, d.Body); err != nil {
		return &UndeliveredError{Target: target, Err: err}
	}
	return h.o.Store.RemoveDeadLetter(ctx, target, id)
}

// Discard forgets a dead letter. It fails with ErrTarget or ErrNoDeadLetter.
func (h *Hooks) Discard(ctx context.Context, target string, id int64) error {
	if _, err := h.find(target); err != nil {
		return err
	}
	return h.o.Store.RemoveDeadLetter(ctx, target, id)
}

func (h *Hooks) find(name string) (*hook, error) {
	i := slices.IndexFunc(h.hooks, func(one *hook) bool { return one.target.Name == name })
	if i < 0 {
		return nil, ErrTarget
	}
	return h.hooks[i], nil
}
