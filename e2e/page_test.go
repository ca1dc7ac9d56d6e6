//go:build e2e

package e2e_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/g711"
	"sidecar/internal/tone"
	"sidecar/internal/tools/load/browser"
)

// page is an agent's page without a browser around it: SIP over a WebSocket, ICE, DTLS and a tone. However often the sidecar
// goes, it connects again and registers. It answers a call that comes back by itself, and others when it is told to.
type page struct {
	line    browser.Line
	log     *slog.Logger
	answers bool // every call at once
	tone    float64
	factory *browser.Factory
	heard   *tone.Listener
	work    sync.WaitGroup

	mu    sync.Mutex
	calls []pageCall
}

// pageCall is a call that the page has answered on a connection; hangup ends its media.
type pageCall struct {
	on     *browser.Phone
	hangup func()
}

// page is the registered page of a DN, until the test ends.
func (s *system) page(dn string, hz float64, answers bool) *page {
	s.t.Helper()
	factory, err := browser.NewFactory()
	require.NoError(s.t, err)
	p := &page{
		line: browser.Line{URL: "ws://" + s.http + "/ws", Origin: "http://" + s.http, DN: dn, Password: s.phonePassword(dn)},
		log:  s.phoneLog().With("page", dn), answers: answers, tone: hz, factory: factory, heard: tone.NewListener(),
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.work.Go(func() { p.live(ctx) })
	s.t.Cleanup(func() {
		cancel()
		p.work.Wait()
		p.hangup(nil)
		p.heard.Close()
	})
	return p
}

// WaitTone waits until the page hears a tone.
func (p *page) WaitTone(ctx context.Context, hz float64) error { return p.heard.WaitTone(ctx, hz) }

// live is one connection after the other.
func (p *page) live(ctx context.Context) {
	for ctx.Err() == nil {
		if phone, err := browser.Connect(ctx, p.line); err == nil {
			if err = p.connected(ctx, phone); ctx.Err() == nil {
				p.log.Info("page_disconnected", "why", err)
			}
			_ = phone.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(tick):
		}
	}
}

// connected registers and takes calls until the connection is gone. What it talks in then, it goes on to.
func (p *page) connected(ctx context.Context, phone *browser.Phone) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := phone.Register(limited); err != nil {
		return err
	}
	for {
		ring, err := phone.Wait(ctx)
		if err != nil {
			return err
		}
		p.work.Go(func() {
			if !p.answers && ring.Header("X-Sidecar-Resume") == "" {
				if _, err := ring.Told(ctx); err != nil {
					return
				}
			}
			if err := p.answer(ctx, phone, ring); err != nil {
				p.log.Warn("page_did_not_answer", "error", err)
			}
		})
	}
}

// hangup ends the calls of other connections. An INVITE that a dead gateway was sent may reach the next one: who answers it
// must not give up the call that lives.
func (p *page) hangup(besides *browser.Phone) {
	p.calls = slices.DeleteFunc(p.calls, func(c pageCall) bool {
		if c.on != besides {
			c.hangup()
		}
		return c.on != besides
	})
}

// answer takes a call, and talks in it until one of another connection is answered.
func (p *page) answer(ctx context.Context, on *browser.Phone, ring *browser.Ring) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangup(on)
	media, err := p.factory.NewMedia(&pageVoice{hz: p.tone, heard: p.heard}, 0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var talking sync.WaitGroup
	p.calls = append(p.calls, pageCall{on, func() {
		cancel()
		talking.Wait()
		_ = media.Close()
	}})
	answer, err := media.Answer(ctx, ring.Offer())
	if err == nil {
		err = ring.Accept(answer)
	}
	if err == nil {
		talking.Go(func() { speak(ctx, media) })
	}
	return err
}

func speak(ctx context.Context, media *browser.Media) {
	if media.Wait(ctx) != nil {
		return
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			media.Send()
		case <-ctx.Done():
			return
		}
	}
}

// pageVoice is what a page says in one call, and its ear.
type pageVoice struct {
	hz    float64
	sine  tone.Generator
	heard *tone.Listener
}

func (v *pageVoice) Stamp(payload []byte, _ int) {
	samples := make([]int16, len(payload))
	v.sine.Fill(samples, v.hz)
	for i, sample := range samples {
		payload[i] = g711.EncodeULaw(sample)
	}
}

func (v *pageVoice) Returned(payload []byte, _ int) bool {
	samples := make([]int16, len(payload))
	for i, octet := range payload {
		samples[i] = g711.DecodeULaw(octet)
	}
	v.heard.Write(samples)
	return true
}
