package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"sidecar/agent"
	"sidecar/auth"
)

// DN is a directory number with its state.
type DN struct {
	Number    string `json:"number"`
	InService bool   `json:"inService" doc:"Whether a phone is registered"`
	Since     string `json:"since,omitempty" format:"date-time" doc:"When that came to be"`
	Calls     int    `json:"calls" doc:"Calls it is in"`
	Owner     string `json:"owner" doc:"Who holds its phone: sidecar, asterisk-webrtc or phone"`
	CallerID  string `json:"callerId"`
	Class     string `json:"class" doc:"Class of the dial rules"`
}

// DNList is the list of DNs.
type DNList struct {
	DNs []DN `json:"dns" nullable:"false"`
}

type (
	dnsOutput struct{ Body DNList }
	dnOutput  struct{ Body DN }
	dnInput   struct {
		Number string `path:"dn" maxLength:"32"`
	}
)

func (s *server) registerDNs() {
	register(s, endpoint{
		id: "list-dns", method: http.MethodGet, path: "/api/v1/dns", tag: "dns", verb: auth.VerbViewDNs,
		summary: "List the DNs that the user sees",
	}, s.listDNs)
	register(s, endpoint{
		id: "get-dn", method: http.MethodGet, path: "/api/v1/dns/{dn}", tag: "dns", verb: auth.VerbViewDNs,
		summary: "Get a DN", errors: []int{http.StatusNotFound},
	}, s.getDN)
}

// getDN tells of a DN that the user sees; the others are not there.
func (s *server) getDN(ctx context.Context, in *dnInput) (*dnOutput, error) {
	for _, v := range s.DNs.All() {
		if v.Number == in.Number && principalOf(ctx).MaySeeDN(v.Number) {
			return &dnOutput{Body: s.dnOf(&v)}, nil
		}
	}
	const rule = "no DN that you see"
	return nil, newProblem(http.StatusNotFound, "dn_not_found", "dn: "+rule).at("dn", rule)
}

func (s *server) dnOf(v *agent.View) DN {
	info, _ := s.DNInfo(v.Number)
	return DN{
		Number: v.Number, InService: v.InService, Since: stamp(v.Since), Calls: v.Calls,
		Owner: info.Owner, CallerID: info.CallerID, Class: info.Class,
	}
}

func (s *server) listDNs(ctx context.Context, _ *struct{}) (*dnsOutput, error) {
	p := principalOf(ctx)
	views := slices.DeleteFunc(slices.Clone(s.DNs.All()), func(v agent.View) bool { return !p.MaySeeDN(v.Number) })
	slices.SortFunc(views, func(a, b agent.View) int { // 999 before 5001
		return cmp.Or(cmp.Compare(len(a.Number), len(b.Number)), cmp.Compare(a.Number, b.Number))
	})
	out := &dnsOutput{Body: DNList{DNs: make([]DN, 0, len(views))}}
	for i := range views {
		out.Body.DNs = append(out.Body.DNs, s.dnOf(&views[i]))
	}
	return out, nil
}
