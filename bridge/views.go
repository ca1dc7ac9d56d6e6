package bridge

import (
	"cmp"
	"slices"
)

func sortViews(list []CallView) {
	slices.SortFunc(list, func(a, b CallView) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
}
