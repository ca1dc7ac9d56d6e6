//go:build e2e

package phone_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

const dialplan = `[general]
static = yes
writeprotect = yes

[from-agents]
exten => _500X,1,Dial(PJSIP/${EXTEN},20)
 same => n,Hangup(${HANGUPCAUSE})
exten => 700,1,Progress()
 same => n,Playtones(1010)
 same => n,Wait(60)
exten => 701,1,Answer()
 same => n,Wait(0.2)
 same => n,Hangup(34)

[from-trunk]
include => from-agents
`

// pbx is an Asterisk with two DNs, which are registered, and a trunk, whose customer is known by its address.
type pbx struct {
	*asterisk.Instance
	server       string
	first        *phone.Phone // 5001, sends 450 Hz
	second       *phone.Phone // 5002, sends 620 Hz
	customer     *phone.Phone // sends 1010 Hz
	customerPort int
}

func startPBX(t *testing.T, change func(pjsip string) string) *pbx {
	t.Helper()
	ports := asterisk.FreeAsteriskPorts(t)
	b := &pbx{server: fmt.Sprintf("127.0.0.1:%d", ports.SIP), customerPort: asterisk.FreePorts(t, 1)[0]}
	conf := asterisk.MinimalConf(t, asterisk.Minimal{
		Ports:       ports,
		ARIPassword: "unused-by-these-tests",
		Phones:      []asterisk.Phone{{User: "5001", Password: "first"}, {User: "5002", Password: "second"}},
		Trunks:      []asterisk.Trunk{{Name: "carrier", Port: b.customerPort}},
	})
	require.NoError(t, os.WriteFile(filepath.Join(conf, "extensions.conf"), []byte(dialplan), 0o600))
	file := filepath.Join(conf, "pjsip.conf")
	pjsip, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(change(string(pjsip))), 0o600))
	b.Instance = asterisk.Start(t, asterisk.Options{ConfDir: conf})

	b.first = start(t, phone.Options{User: "5001", Password: "first", Server: b.server, Tone: 450})
	b.second = start(t, phone.Options{User: "5002", Password: "second", Server: b.server, Tone: 620, Codecs: []phone.Codec{phone.PCMA}})
	b.customer = start(t, phone.Options{User: "0301234567", Server: b.server, Tone: 1010, Bind: fmt.Sprintf("127.0.0.1:%d", b.customerPort)})
	ctx := soon(t)
	require.NoError(t, b.first.Register(ctx, time.Hour))
	require.NoError(t, b.second.Register(ctx, time.Hour))
	return b
}

func unchanged(pjsip string) string { return pjsip }

// call connects the customer with the first DN.
func (b *pbx) call(t *testing.T) (customer, agent *phone.Call) {
	t.Helper()
	ctx := soon(t)
	customer, err := b.customer.Dial(ctx, "5001")
	require.NoError(t, err)
	agent, err = b.first.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, customer.WaitState(ctx, phone.Ringing))
	require.NoError(t, agent.Answer(ctx))
	require.NoError(t, customer.WaitState(ctx, phone.Established))
	return customer, agent
}

func TestAsteriskRegistersByDigest(t *testing.T) {
	t.Parallel()
	b := startPBX(t, unchanged)
	ctx := soon(t)
	require.Contains(t, b.RequireCLI("pjsip show contacts"), b.first.Addr().String())
	require.NoError(t, b.first.Register(ctx, time.Hour), "again")
	require.NoError(t, b.first.Unregister(ctx))
	require.NotContains(t, b.RequireCLI("pjsip show contacts"), b.first.Addr().String())
	intruder := start(t, phone.Options{User: "5001", Password: "guess", Server: b.server})
	require.ErrorIs(t, intruder.Register(ctx, time.Hour), phone.ErrUnchallenged)
}

func TestAsteriskCallWithHold(t *testing.T) {
	t.Parallel()
	b := startPBX(t, unchanged)
	ctx := soon(t)
	customer, agent := b.call(t)
	require.Equal(t, "0301234567", agent.Remote().Number)
	require.Equal(t, "5001", customer.Called())
	require.NoError(t, agent.WaitTone(ctx, 1010))
	require.NoError(t, customer.WaitTone(ctx, 450))
	require.NoError(t, customer.SendDTMF(ctx, "42#"))
	require.NoError(t, agent.WaitDTMF(ctx, "42#"))

	require.NoError(t, agent.Hold(ctx))
	require.NoError(t, customer.WaitNoTone(ctx, 450))
	require.NoError(t, agent.WaitNoTone(ctx, 1010))
	require.NoError(t, agent.Retrieve(ctx))
	require.NoError(t, customer.WaitTone(ctx, 450))
	require.NoError(t, agent.WaitTone(ctx, 1010))

	require.NoError(t, agent.Hangup(ctx))
	cause, err := customer.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, "BYE", cause.Method)
}

// The DN's INVITE is challenged, and the two speak different laws: Asterisk transcodes.
func TestAsteriskCallFromDNToDN(t *testing.T) {
	t.Parallel()
	b := startPBX(t, unchanged)
	ctx := soon(t)
	out, err := b.second.Dial(ctx, "5001")
	require.NoError(t, err)
	in, err := b.first.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, in.Answer(ctx))
	require.NoError(t, in.WaitTone(ctx, 620))
	require.NoError(t, out.WaitTone(ctx, 450))
	require.NoError(t, out.Hangup(ctx))
	_, err = in.WaitEnd(ctx)
	require.NoError(t, err)
}

func TestAsteriskBlindTransfer(t *testing.T) {
	t.Parallel()
	b := startPBX(t, unchanged)
	ctx := soon(t)
	customer, agent := b.call(t)
	require.NoError(t, customer.WaitTone(ctx, 450))
	require.NoError(t, agent.Refer(ctx, "5002"))
	next, err := b.second.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, next.Answer(ctx))
	status, err := agent.WaitReferResult(ctx)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.NoError(t, agent.Hangup(ctx))
	require.NoError(t, customer.WaitTone(ctx, 620))
	require.NoError(t, next.WaitTone(ctx, 1010))
	require.NoError(t, customer.WaitNoTone(ctx, 450))
	require.NoError(t, customer.Hangup(ctx))
	_, err = next.WaitEnd(ctx)
	require.NoError(t, err)
}

func TestAsteriskCallIsNotAnswered(t *testing.T) {
	t.Parallel()
	b := startPBX(t, unchanged)
	ctx := soon(t)

	busy, err := b.customer.Dial(ctx, "5001")
	require.NoError(t, err)
	ringing, err := b.first.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, ringing.Busy())
	cause, err := busy.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, 486, cause.Status)
	require.Equal(t, 17, cause.Q850)

	given, err := b.customer.Dial(ctx, "5001")
	require.NoError(t, err)
	ringing, err = b.first.WaitCall(ctx)
	require.NoError(t, err)
	require.NoError(t, given.WaitState(ctx, phone.Ringing))
	require.NoError(t, given.Hangup(ctx))
	cause, err = ringing.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, "CANCEL", cause.Method)

	unknown, err := b.customer.Dial(ctx, "9999")
	require.NoError(t, err)
	cause, err = unknown.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, 404, cause.Status)
}

func TestAsteriskEarlyMediaAndCause(t *testing.T) {
	t.Parallel()
	b := startPBX(t, unchanged)
	ctx := soon(t)
	early, err := b.customer.Dial(ctx, "700")
	require.NoError(t, err)
	require.NoError(t, early.WaitTone(ctx, 1010))
	require.True(t, early.EarlyMedia())
	require.Equal(t, phone.Dialing, early.State())
	require.NoError(t, early.Hangup(ctx))
	require.Equal(t, "CANCEL", early.EndCause().Method)

	cut, err := b.customer.Dial(ctx, "701")
	require.NoError(t, err)
	cause, err := cut.WaitEnd(ctx)
	require.NoError(t, err)
	require.Equal(t, phone.EndCause{Method: "BYE", Q850: 34, Reason: cause.Reason}, cause)
}

// With direct media Asterisk sends both phones a re-INVITE with the other's
// address: afterwards they talk to one another.
func TestAsteriskDirectMedia(t *testing.T) {
	t.Parallel()
	b := startPBX(t, func(pjsip string) string {
		return strings.ReplaceAll(pjsip, "direct_media = no", "direct_media = yes")
	})
	ctx := soon(t)
	customer, agent := b.call(t)
	require.Eventually(t, func() bool { return customer.Reinvites() > 0 && agent.Reinvites() > 0 }, patience, 10*time.Millisecond)
	require.NoError(t, agent.WaitTone(ctx, 1010))
	require.NoError(t, customer.WaitTone(ctx, 450))
	require.Eventually(t, func() bool {
		return customer.MediaStats().Source == customer.MediaStats().Remote && agent.MediaStats().Source == agent.MediaStats().Remote
	}, patience, 10*time.Millisecond)
	require.NoError(t, customer.Hangup(ctx))
	_, err := agent.WaitEnd(ctx)
	require.NoError(t, err)
}

// A phone that dies is not seen by Asterisk; the other side hears it.
func TestAsteriskDoesNotSeeADeadPhone(t *testing.T) {
	t.Parallel()
	b := startPBX(t, unchanged)
	ctx := soon(t)
	customer, agent := b.call(t)
	require.NoError(t, customer.WaitTone(ctx, 450))
	require.NoError(t, b.first.Kill())
	require.Equal(t, phone.Ended, agent.State())
	require.NoError(t, customer.WaitSilence(ctx))
	require.Equal(t, phone.Established, customer.State())
}
