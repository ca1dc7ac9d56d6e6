package recording_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/recording"
)

func ids(list []recording.Meta) (ids []string) {
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestKeptForDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start(func(o *recording.Options) { o.KeepDays = 2 })
		defer stop()
		for day := range 5 {
			a.Finished(l.put(pair("d", time.Now()), 8000, sine(450, 80), sine(1010, 80)))
			synctest.Wait()
			require.Equal(t, fmt.Sprintf("2000010%d-d", day+1), all(t, a)[0].ID)
			time.Sleep(24 * time.Hour)
		}
		synctest.Wait()
		require.Equal(t, []string{"20000105-d", "20000104-d"}, ids(all(t, a)))
		_, err := os.Stat(filepath.Join(l.dir, "recordings/2000/01/03"))
		require.ErrorIs(t, err, os.ErrNotExist)
		stop()

		time.Sleep(60 * 24 * time.Hour) // we were not there
		a, stop = l.start(func(o *recording.Options) { o.KeepDays = 2 })
		defer stop()
		synctest.Wait()
		require.Empty(t, all(t, a), "what is too old goes at the start")
		_, err = os.Stat(filepath.Join(l.dir, "recordings/2000"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestKeptUpToASize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start(func(o *recording.Options) { o.MaxBytes = 3 * (44 + 400) })
		defer stop()
		synctest.Wait() // for the first look at the size
		for i := range 5 {
			a.Finished(l.put(pair(fmt.Sprint("r", i), epoch.Add(time.Duration(i)*11*time.Hour)), 8000, sine(450, 100), nil))
		}
		synctest.Wait()
		require.Len(t, all(t, a), 5)
		time.Sleep(time.Hour + time.Minute)
		require.Equal(t, []string{"20000102-r4", "20000102-r3", "20000101-r2"}, ids(all(t, a)))
		require.NoError(t, a.Delete("20000102-r3"))
		require.ErrorIs(t, a.Delete("20000102-r3"), recording.ErrNotFound)
		require.Equal(t, []string{"20000102-r4", "20000101-r2"}, ids(all(t, a)))
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		a, stop := l.start()
		defer stop()
		for i := range 30 {
			r := pair(fmt.Sprintf("r%02d", i), epoch.Add(time.Duration(i/3)*7*time.Hour)) // three at a time
			r.DNs = []string{fmt.Sprint(5000 + i%2), "5009"}
			a.Finished(l.put(r, 8000, nil, nil))
		}
		synctest.Wait()
		list := func(q recording.Query) []string {
			t.Helper()
			var got []string
			for {
				page, err := a.List(t.Context(), q)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Recordings), q.Limit)
				got = append(got, ids(page.Recordings)...)
				if q.After = page.Next; q.After == "" {
					return got
				}
			}
		}
		whole := list(recording.Query{Limit: 100})
		require.Len(t, whole, 30)
		require.Equal(t, "20000103-r29", whole[0])
		for _, size := range []int{1, 2, 3, 7, 10, 30} {
			require.Equal(t, whole, list(recording.Query{Limit: size}), "pages of %d", size)
		}
		require.Len(t, list(recording.Query{Limit: 4, DN: "5000"}), 15)
		require.Len(t, list(recording.Query{Limit: 4, DN: "5009"}), 30)
		require.Equal(t, []string{"20000101-r04"}, list(recording.Query{Limit: 4, Call: "CALL-r04"}))
		require.Len(t, list(recording.Query{Limit: 4, From: epoch.Add(7 * time.Hour), To: epoch.Add(21 * time.Hour)}), 6)
		require.Len(t, list(recording.Query{Limit: 4, May: func(m recording.Meta) bool { return m.DNs[0] == "5001" }}), 15)

		for _, bad := range []string{"x", "12_", "_20000101-r01", "12_../../x", "12_20000101"} {
			_, err := a.List(t.Context(), recording.Query{Limit: 1, After: bad})
			require.ErrorIs(t, err, recording.ErrCursor, bad)
		}
		require.NoError(t, os.WriteFile(filepath.Join(l.dir, "recordings/2000/01/secret.json"), []byte("{}"), 0o600))
		for _, bad := range []string{"", "20000101", "20000101-x/../../secret", "20000101-../../../x", "20000101-r01/../r02", "20001301-r01"} {
			_, err := a.Get(bad)
			require.ErrorIs(t, err, recording.ErrNotFound, bad)
		}
		file := filepath.Join(l.dir, "recordings/2000/01/01/20000101-r01.json")
		require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
		require.Len(t, list(recording.Query{Limit: 100}), 29, "one broken file hides no others")
	})
}
