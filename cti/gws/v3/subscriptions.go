package v3

import (
	"sidecar/auth"
)

// pushing is a subscription whose figures are pushed.
type pushing struct {
	user  auth.UserID
	token string
	sub   subscription
}

// addSubscription gives a session one more subscription; false when it has as many as it may.
func (s *sessions) addSubscription(to *session, sub *subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(to.subscriptions) >= maxSubscriptions {
		return false
	}
	to.subscriptions[sub.id] = sub
	return true
}

// subscription is a session's own, as a copy; false for others.
func (s *sessions) subscription(of *session, id string) (subscription, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, ok := of.subscriptions[id]
	if !ok {
		return subscription{}, false
	}
	return *sub, true
}

func (s *sessions) dropSubscription(of *session, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := of.subscriptions[id]
	delete(of.subscriptions, id)
	return ok
}

func (s *sessions) allSubscriptions() []pushing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []pushing
	for _, one := range s.list {
		for _, sub := range one.subscriptions {
			list = append(list, pushing{one.user, one.token, *sub})
		}
	}
	return list
}

// pushed notes the values that are being pushed, and reports whether they are others than the last time.
func (s *sessions) pushed(id, values string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.list {
		if sub, ok := one.subscriptions[id]; ok {
			changed := sub.sent != values
			sub.sent = values
			return changed
		}
	}
	return false
}
