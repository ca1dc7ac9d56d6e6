package v3

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"sidecar/auth"
)

const (
	maxFavorites = 200
	maxRecents   = 50
	maxText      = 200 // of each field of a target that a client writes down
	maxNumbers   = 10
)

// TargetInformation is somebody to call, as a client describes them.
type TargetInformation struct {
	ID             string   `json:"id"`
	Type           string   `json:"type"`
	Name           string   `json:"name,omitempty"`
	FirstName      string   `json:"firstName,omitempty"`
	LastName       string   `json:"lastName,omitempty"`
	EmailAddresses []string `json:"emailAddresses,omitempty"`
	Numbers        []string `json:"numbers,omitempty"`
	PhoneNumbers   []string `json:"phoneNumbers,omitempty"`
}

// RecentInformation says when and how somebody was called.
type RecentInformation struct {
	Media     string `json:"media,omitempty"`
	TimeStamp int64  `json:"timeStamp,omitempty"`
	Missed    bool   `json:"missed,omitempty"`
}

// Favorite is a target that a user has put into a category.
type Favorite struct {
	TargetInformation

	Category string `json:"category,omitempty"`
}

// Recent is a target that a user had to do with.
type Recent struct {
	TargetInformation

	RecentInformation RecentInformation `json:"recentInformation"`
}

// Notes are what a user has written down.
type Notes struct {
	User      auth.UserID `json:"user"`
	Favorites []Favorite  `json:"favorites,omitempty"`
	Recents   []Recent    `json:"recents,omitempty"` // the newest first
}

// notes keeps them.
type notes struct {
	keep Keep

	mu   sync.Mutex
	list map[auth.UserID]Notes
}

func newNotes(keep Keep) (*notes, error) {
	all, err := keep.All()
	if err != nil {
		return nil, fmt.Errorf("favorites: %w", err)
	}
	n := &notes{keep: keep, list: map[auth.UserID]Notes{}}
	for _, one := range all {
		n.list[one.User] = one
	}
	return n, nil
}

func (n *notes) of(user auth.UserID) Notes {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list[user]
}

// change writes down what fn makes of a user's notes, of which it gets a copy.
func (n *notes) change(user auth.UserID, fn func(*Notes) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.list[user]
	now := Notes{User: user, Favorites: slices.Clone(was.Favorites), Recents: slices.Clone(was.Recents)}
	if err := fn(&now); err != nil {
		return err
	}
	if err := n.keep.Put(strconv.FormatInt(int64(user), 10), now); err != nil {
		return fmt.Errorf("favorites: %w", err)
	}
	n.list[user] = now
	return nil
}

// check keeps what clients write down in bounds.
func (t *TargetInformation) check() error {
	if t == nil || t.ID == "" || t.Type == "" {
		return missing()
	}
	texts := slices.Concat([]string{t.ID, t.Type, t.Name, t.FirstName, t.LastName}, t.EmailAddresses, t.Numbers, t.PhoneNumbers)
	if len(t.EmailAddresses) > maxNumbers || len(t.Numbers) > maxNumbers || len(t.PhoneNumbers) > maxNumbers ||
		slices.ContainsFunc(texts, func(text string) bool { return len(text) > maxText }) {
		return badParameter(fmt.Sprintf("target: texts have %d bytes at most, and there are %d numbers and addresses at most", maxText, maxNumbers))
	}
	return nil
}

func (s *Server) noteRoutes() {
	s.get("/targets/personal-favorites", s.favorites)
	s.post("/targets/personal-favorites/save", s.saveFavorite)
	s.post("/targets/personal-favorites/delete/{type}/{id}", s.deleteFavorite)
	s.get("/targets/recents", s.recents)
	s.post("/targets/recents/add", s.addRecent)
	s.post("/targets/recents/ack-missed-calls", s.ackMissed)
}

func (s *Server) favorites(_ context.Context, r *request) (*reply, error) {
	limit, err := number(r, "limit", defaultLimit)
	if err != nil {
		return nil, err
	}
	list := s.notes.of(r.who.UserID).Favorites
	return done(map[string]any{"targets": some(list[:min(limit, len(list))]), "totalMatches": len(list)}), nil
}

func (s *Server) saveFavorite(_ context.Context, r *request) (*reply, error) {
	d := &r.in.Data
	if err := d.Target.check(); err != nil {
		return nil, err
	}
	if len(d.Category) > maxText {
		return nil, badParameter(fmt.Sprintf("category must have %d bytes at most", maxText))
	}
	return done(nil), s.notes.change(r.who.UserID, func(n *Notes) error {
		n.Favorites = slices.DeleteFunc(n.Favorites, func(f Favorite) bool { return f.ID == d.Target.ID && f.Type == d.Target.Type })
		if len(n.Favorites) >= maxFavorites {
			return &refusal{http.StatusConflict, http.StatusConflict, fmt.Sprintf("there are %d favorites, which is as many as there may be", maxFavorites)}
		}
		n.Favorites = append(n.Favorites, Favorite{*d.Target, d.Category})
		return nil
	})
}

func (s *Server) deleteFavorite(_ context.Context, r *request) (*reply, error) {
	kind, id := r.PathValue("type"), r.PathValue("id")
	return done(nil), s.notes.change(r.who.UserID, func(n *Notes) error {
		n.Favorites = slices.DeleteFunc(n.Favorites, func(f Favorite) bool { return f.ID == id && f.Type == kind })
		return nil
	})
}

func (s *Server) recents(_ context.Context, r *request) (*reply, error) {
	limit, err := number(r, "limit", defaultLimit)
	if err != nil {
		return nil, err
	}
	list := s.notes.of(r.who.UserID).Recents
	return done(map[string]any{"targets": some(list[:min(limit, len(list))]), "totalMatches": len(list)}), nil
}

func (s *Server) addRecent(_ context.Context, r *request) (*reply, error) {
	d := &r.in.Data
	if err := d.Target.check(); err != nil {
		return nil, err
	}
	recent := Recent{TargetInformation: *d.Target}
	if d.RecentInformation != nil {
		recent.RecentInformation = *d.RecentInformation
	}
	if len(recent.RecentInformation.Media) > maxText {
		return nil, badParameter(fmt.Sprintf("media must have %d bytes at most", maxText))
	}
	if recent.RecentInformation.TimeStamp == 0 {
		recent.RecentInformation.TimeStamp = time.Now().UnixMilli()
	}
	return done(nil), s.notes.change(r.who.UserID, func(n *Notes) error {
		rest := slices.DeleteFunc(n.Recents, func(old Recent) bool { return old.ID == recent.ID && old.Type == recent.Type })
		n.Recents = slices.Concat([]Recent{recent}, rest)
		n.Recents = n.Recents[:min(len(n.Recents), maxRecents)]
		return nil
	})
}

// ackMissed says that the user has seen the calls that were missed.
func (s *Server) ackMissed(_ context.Context, r *request) (*reply, error) {
	return done(nil), s.notes.change(r.who.UserID, func(n *Notes) error {
		for i := range n.Recents {
			n.Recents[i].RecentInformation.Missed = false
		}
		return nil
	})
}
