package bridge

import "context"

func (p port) Leave(ctx context.Context, br BridgeID, ids []ChannelID) error {
	return p.request(ctx, func() error {
		if b := p.bridges[br.ID]; b != nil {
			for _, id := range ids {
				delete(b.members, id.ID)
			}
		}
		return nil
	})
}

func (p port) Hold(ctx context.Context, id ChannelID, _ bool) error {
	return p.on(ctx, id, func(*simChannel) error { return nil })
}

func (p port) Identify(ctx context.Context, id ChannelID, number, _ string) error {
	return p.on(ctx, id, func(c *simChannel) error { c.caller = number; return nil })
}

func (p port) Mute(ctx context.Context, id ChannelID, m Mute, on bool) error {
	return p.on(ctx, id, func(c *simChannel) error { c.mute = c.mute.with(m, on); return nil })
}

func (p port) SendDTMF(ctx context.Context, id ChannelID, digits string) error {
	return p.on(ctx, id, func(c *simChannel) error { c.digits += digits; return nil })
}

func (p port) Snoop(ctx context.Context, s NewSnoop) error {
	return p.on(ctx, s.Of, func(*simChannel) error {
		if p.chans[s.Channel.ID] == nil {
			p.chans[s.Channel.ID] = &simChannel{id: s.Channel, state: LegIsUp, snoops: s.Of.ID}
			p.tell(LegChanged{Channel: s.Channel, Change: LegIsCreated})
		}
		return nil
	})
}

// simOrders is the journal of the orders of supervisors.
type simOrders struct{ port }

func (p simOrders) Put(id string, o MonitorOrder) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return errKilled
	}
	p.orders[id] = o
	return nil
}

func (p simOrders) Delete(id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.act() {
		return errKilled
	}
	delete(p.orders, id)
	return nil
}
