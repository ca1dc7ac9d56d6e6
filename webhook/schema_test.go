package webhook_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
	"sidecar/cti"
	"sidecar/cti/follow"
	"sidecar/cti/schema"
	judge "sidecar/internal/testkit/schema"
	"sidecar/webhook"
)

// The settings are checked before anything runs, by a list of their own.
func TestSettingsKnowTheEvents(t *testing.T) {
	t.Parallel()
	require.Equal(t, follow.Types(), config.EventNames())
}

func TestMessagesAreAsTheirSchemaSays(t *testing.T) {
	t.Parallel()
	document, err := schema.Document()
	require.NoError(t, err)
	message := judge.Closed(t, document, schema.Webhook)
	x := &target{t: t, answer: func(int) (int, http.Header) { return http.StatusOK, nil }}
	r := newRig(t).start(x, webhook.Target{})
	reset := cti.Reset(cti.TopicAgent, cti.Cursor{Epoch: "e", Seq: 1}, time.Now())
	r.tape.put(&reset)
	eventually(t, func() bool { return len(x.got()) == 1 }, "delivered")
	require.NoError(t, message.Check([]byte(x.got()[0].body)), x.got()[0].body)
}
