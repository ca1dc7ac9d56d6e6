package ariswitch

import (
	"context"
	"slices"
	"time"

	"sidecar/ari"
)

// holdTimeout bounds the requests of one hold, during which no other event is fed.
const holdTimeout = 2 * time.Second

// passHold tells the one other party in the bridge that a phone holds it. Asterisk does so itself in its bridges of two,
// but not in softmix, which is what ours are (bridgeType). Among several a hold silences nobody.
func (f *Feeder) passHold(ctx context.Context, holder ari.ChannelID) {
	if _, done := f.held[holder]; done { // Asterisk tells of it twice
		return
	}
	ctx, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	bridges, err := f.client.Bridges().List(ctx)
	if err != nil {
		f.log.Warn("hold_not_passed_on", "channel", holder, "error", err)
		return
	}
	for _, b := range bridges {
		if len(b.Channels) != 2 || !slices.Contains(b.Channels, holder) {
			continue
		}
		peer := b.Channels[0]
		if peer == holder {
			peer = b.Channels[1]
		}
		f.held[holder] = peer
		if err := unlessGone(f.client.Channels().Hold(ctx, peer)); err != nil {
			f.log.Warn("hold_not_passed_on", "channel", holder, "error", err)
		}
	}
}

// passRetrieve ends what passHold began. A peer that has left the bridge since is held no more, which is no error.
func (f *Feeder) passRetrieve(ctx context.Context, holder ari.ChannelID) {
	peer, ok := f.held[holder]
	if !ok {
		return
	}
	delete(f.held, holder)
	ctx, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	if err := unlessGone(f.client.Channels().Unhold(ctx, peer)); err != nil {
		f.log.Warn("retrieve_not_passed_on", "channel", holder, "error", err)
	}
}
