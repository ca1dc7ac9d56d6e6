//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"sidecar/internal/phone"
)

// proofCall is a call between three phones that the sidecar may be killed under: what can't be done any more is left out.
type proofCall struct {
	p     *proof
	id    string
	trio  []*phone.Phone
	limit context.Context
}

// callAll makes one call after the other with three phones.
func (p *proof) callAll(ctx context.Context, first int) {
	trio := p.phones[first : first+3]
	for ctx.Err() == nil {
		limit, cancel := context.WithTimeout(p.t.Context(), patience)
		c := &proofCall{p: p, trio: trio, limit: limit}
		c.run()
		cancel()
		p.made.Add(1)
	}
}

func (c *proofCall) run() {
	defer c.clear()
	a, b, third := c.trio[0], c.trio[1], c.trio[2]
	c.id = c.make(a.User(), b.User())
	if c.id == "" || !c.rings(a) || !c.rings(b) {
		return
	}
	dn := `{"dn":"` + a.User() + `"}`
	c.verb("user-data", `{"dn":"`+a.User()+`","userData":{"note":"`+c.id+`"}}`)
	c.verb("hold", dn)
	c.verb("retrieve", dn)
	if c.verb("transfer", `{"dn":"`+a.User()+`","to":"`+third.User()+`"}`) {
		c.rings(third)
	}
	c.verb("hangup", "")
}

func (c *proofCall) make(from, to string) string {
	var made struct{ ID string }
	for c.limit.Err() == nil {
		status, body := c.post("/calls", `{"from":"`+from+`","to":"`+to+`"}`)
		if status/100 == 2 && json.Unmarshal(body, &made) == nil {
			return made.ID
		}
		away(c.limit, 5*tick)
	}
	return ""
}

// verb repeats a command until it is taken; a call that has no use for it in a while goes on without.
func (c *proofCall) verb(verb, body string) bool {
	for refused := 0; refused < 25 && c.limit.Err() == nil; {
		switch status, _ := c.post("/calls/"+c.id+"/"+verb, body); {
		case status/100 == 2:
			return true
		case status == http.StatusConflict:
			refused++
		case status/100 == 4:
			return false
		}
		away(c.limit, 2*tick)
	}
	return false
}

// rings waits until the phone has a call, which it answers by itself.
func (c *proofCall) rings(p *phone.Phone) bool {
	ctx, cancel := context.WithTimeout(c.limit, patience/3)
	defer cancel()
	for {
		call, err := p.WaitCall(ctx)
		if err != nil {
			return false
		}
		select {
		case <-call.Done(): // of a call before
		default:
			return call.WaitState(ctx, phone.Established) == nil
		}
	}
}

// clear leaves nothing of the call at the phones.
func (c *proofCall) clear() {
	for _, p := range c.trio {
		for _, call := range p.Calls() {
			select {
			case <-call.Done():
				continue
			case <-time.After(patience / 10): // the sidecar was killed in between
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.limit), patience/3)
			_ = call.Hangup(ctx)
			cancel()
		}
	}
}

// post gives status 0 when the sidecar is not there.
func (c *proofCall) post(path, body string) (status int, answer []byte) {
	ctx, cancel := context.WithTimeout(c.limit, patience/3)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.p.http+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.p.token("admin"))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}
