package phone_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sidecar/internal/phone"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const patience = 20 * time.Second

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// start makes a phone that ends with the test. Its server is nobody unless the options name one.
func start(t *testing.T, opts phone.Options) *phone.Phone {
	t.Helper()
	if opts.Server == "" {
		opts.Server = "127.0.0.1:9"
	}
	if os.Getenv("PHONE_DEBUG") != "" {
		opts.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	p, err := phone.New(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// uri is where a phone can be dialled without anybody in between.
func uri(p *phone.Phone) string { return "sip:" + p.User() + "@" + p.Addr().String() }

// connect makes a call between two phones and returns both ends of it, established.
func connect(t *testing.T, from, to *phone.Phone) (caller, callee *phone.Call) {
	t.Helper()
	ctx := soon(t)
	caller, err := from.Dial(ctx, uri(to))
	require.NoError(t, err)
	callee, err = to.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, callee.Answer(ctx))
	require.NoError(t, caller.WaitState(ctx, phone.Established))
	require.NoError(t, callee.WaitState(ctx, phone.Established))
	return caller, callee
}
