package webhook_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/follow"
	"sidecar/webhook"
)

// fails answers the attempts before until, and the one after the next, with an error.
func fails(until int) func(int) (int, http.Header) {
	return func(n int) (int, http.Header) {
		if n < until || n == until+2 {
			return http.StatusInternalServerError, nil
		}
		return http.StatusOK, nil
	}
}

// What does not concern a target moves its place on, too: or it would be told by a snapshot after a restart.
func TestAQuietTargetKeepsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &target{t: t}
		r := newRig(t).start(x, webhook.Target{Want: follow.Want{Types: []string{"Released"}}})
		told := r.tape.add("Ringing", "Released")
		synctest.Wait()
		require.Equal(t, "e:2", r.status().Cursor)
		r.tape.add("Ringing", "Ringing", "Ringing")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, "e:5", r.status().Cursor)
		r.stop()
		r.start(x, webhook.Target{Want: follow.Want{Types: []string{"Released"}}})
		told = append(told, r.tape.add("Ringing", "Released")...)
		synctest.Wait()
		require.Equal(t, "e:7", r.status().Cursor)
		require.Equal(t, []string{told[1], told[3]}, x.ids())
	})
}

func TestAttemptsComeSlowerAndSlower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &target{t: t, answer: fails(12)}
		r := newRig(t).start(x, webhook.Target{})
		r.tape.add("Ringing")
		synctest.Wait()
		require.False(t, r.status().FailingSince.IsZero())
		require.Equal(t, "answered 500 Internal Server Error", r.status().LastError)
		later := r.tape.add("Released")
		time.Sleep(time.Hour)
		synctest.Wait()
		got := x.got()
		require.Len(t, got, 13)
		longest := time.Second
		for i := 1; i < 12; i++ {
			pause := got[i].at.Sub(got[i-1].at)
			require.GreaterOrEqual(t, pause, longest/2, "attempt %d", i)
			require.Less(t, pause, longest, "attempt %d", i)
			longest = min(2*longest, 5*time.Minute)
			require.Equal(t, got[0].body, got[i].body)
			require.Equal(t, got[0].header.Get("Webhook-Id"), got[i].header.Get("Webhook-Id"))
			verify(t, got[i])
		}
		require.Equal(t, later, got[12].ids, "what came later waits")
		s := r.status()
		require.EqualValues(t, 11, s.Failed)
		require.True(t, s.FailingSince.IsZero())
		require.Equal(t, "e:2", s.Cursor)
		require.Zero(t, s.DeadLetters)

		r.tape.add("Ringing")
		time.Sleep(time.Hour)
		synctest.Wait()
		got = x.got()
		require.Len(t, got, 15)
		require.Less(t, got[14].at.Sub(got[13].at), time.Second, "what worked in between begins anew")
		r.stop()
	})
}

func TestTargetsMayAskForAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &target{t: t, answer: func(n int) (int, http.Header) {
			return []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusOK}[n-1],
				http.Header{"Retry-After": {[]string{"60", "100000", ""}[n-1]}}
		}}
		r := newRig(t).start(x, webhook.Target{})
		r.tape.add("Ringing")
		time.Sleep(time.Hour)
		synctest.Wait()
		got := x.got()
		require.Len(t, got, 3)
		require.Equal(t, time.Minute, got[1].at.Sub(got[0].at))
		require.Equal(t, 5*time.Minute, got[2].at.Sub(got[1].at), "as long as we ever pause")
		r.stop()
	})
}

func TestTargetsThatNeverAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := &target{t: t, answer: func(n int) (int, http.Header) { return 200 * (n / 2), nil }}
		r := newRig(t).start(x, webhook.Target{})
		r.tape.add("Ringing")
		time.Sleep(time.Minute)
		synctest.Wait()
		got := x.got()
		require.Len(t, got, 2)
		require.GreaterOrEqual(t, got[1].at.Sub(got[0].at), 10*time.Second)
		require.Contains(t, r.status().LastError, "not delivered: ")
		r.stop()
	})
}

func TestGivingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		working := false
		x := &target{t: t}
		x.answer = func(int) (int, http.Header) {
			if working {
				return http.StatusOK, nil
			}
			return http.StatusNotFound, nil
		}
		r := newRig(t).start(x, webhook.Target{GiveUp: time.Hour})
		first := r.tape.add("Ringing")
		time.Sleep(30 * time.Minute)
		second := r.tape.add("Released")
		time.Sleep(30*time.Minute + time.Second)
		synctest.Wait()
		letters := r.letters()
		require.Len(t, letters, 1, "what is an hour old")
		require.Equal(t, first[0], letters[0].MessageID)
		require.Greater(t, letters[0].Attempts, 10)
		require.Equal(t, "answered 404 Not Found", letters[0].Reason)
		require.Equal(t, "e:1", r.status().Cursor)

		time.Sleep(30 * time.Minute)
		synctest.Wait()
		require.Len(t, r.letters(), 2, "each by its own age")
		require.Equal(t, second[0], r.letters()[0].MessageID)

		// What is old already when it is read, as after a long pause of ours, gets one attempt.
		r.stop()
		old := r.tape.add("Ringing")
		time.Sleep(2 * time.Hour)
		attempts := len(x.got())
		r.start(x, webhook.Target{GiveUp: time.Hour})
		synctest.Wait()
		require.Len(t, x.got(), attempts+1)
		require.Equal(t, old[0], r.letters()[0].MessageID)
		require.Equal(t, "e:3", r.status().Cursor)

		working = true
		require.Equal(t, 3, r.status().DeadLetters)
		require.NoError(t, r.hooks.Discard(t.Context(), "crm", r.letters()[0].ID))
		require.NoError(t, r.hooks.Redeliver(t.Context(), "crm", r.letters()[0].ID))
		require.Equal(t, 1, r.status().DeadLetters)
		time.Sleep(31 * 24 * time.Hour)
		synctest.Wait()
		require.Zero(t, r.status().DeadLetters, "kept for thirty days")
		r.stop()
	})
}
