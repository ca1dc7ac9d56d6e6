package bridge

import "testing"

// consulting is a customer's call at 5001, who has called 5002 out of it.
func consulting(t *testing.T) *script {
	t.Helper()
	return talking(t).in(
		doConsult{By: "5001", Dest: toDN("5002"), ID: "UUID2", ConnID: 2, Purpose: ConsultTransfer, Reply: 9},
		leg("n1-x.2", LegIsCreated), leg("n1-x.2", LegIsRinging),
	)
}

// consulted is the same when 5002 has answered.
func consulted(t *testing.T) *script {
	t.Helper()
	return consulting(t).in(leg("n1-x.2", LegIsUp), Joined{Parties: []PartyID{3, 4}})
}
