//go:build e2e

package pjsipgen_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/ari"
	"sidecar/config"
	"sidecar/internal/phone"
	"sidecar/internal/testkit/asterisk"
)

// mixed has DNs of both kinds, and a trunk on the phones' own address, told from them by its port.
func mixed(t *testing.T) (*config.Config, string) {
	t.Helper()
	cfg := onPorts(t)
	phoneDN := config.DNSettings{Owner: config.OwnerPhone}
	cfg.DNs = []config.DNGroup{{
		Numbers:   []string{"5001-5006"},
		Overrides: map[string]config.DNSettings{"5001": phoneDN, "5002": phoneDN},
	}}
	at := fmt.Sprintf("127.0.0.1:%d", asterisk.FreePorts(t, 1)[0])
	cfg.Trunks = []config.Trunk{
		{Name: "carrier", Kind: config.TrunkPeer, Host: at, Transport: "udp", Codecs: []string{"ulaw", "alaw"}},
		{Name: "genesys_sip_server", Kind: config.TrunkGenesys, Host: "127.0.0.2:5060", Transport: "udp", Codecs: []string{"ulaw", "alaw"}},
	}
	return cfg, at
}

func TestEveryCallEntersStasisWithItsArguments(t *testing.T) {
	t.Parallel()
	cfg, trunk := mixed(t)
	l := newLab(t, cfg)
	c := l.sidecar()
	desk := l.phone("5001", "phone-secret-5001", phone.RingOnly)
	paired := l.phone("5003", "upstream-secret-5003", phone.RingOnly)
	carrier := l.plainPhone(phone.Options{Bind: trunk, User: "carrier"})
	genesys := l.plainPhone(phone.Options{Bind: "127.0.0.2:0", User: "genesys"})
	leg := phone.WithHeader("X-Sidecar-Leg", "n1-4f.a_2-,forged")

	for _, tc := range []struct {
		name    string
		from    *phone.Phone
		number  string
		options []phone.DialOption
		args    []string
		channel string
		leg     string
	}{
		{"a desk phone has no leg", desk, "5002", []phone.DialOption{leg}, []string{"from-agents", "5002", ""}, "PJSIP/5001-", ""},
		{"a DN of ours names its leg", paired, "+4930123", []phone.DialOption{leg}, []string{"from-agents", "+4930123", "n1-4f.a_2-forged"}, "PJSIP/5003-", "n1-4f.a_2-forged"},
		{"a trunk is known by its port, with a DN in From", carrier, "5001", []phone.DialOption{leg, phone.WithCaller("5001", "")}, []string{"from-trunk", "5001", "carrier"}, "PJSIP/carrier-", ""},
		{"a SIP Server is known by its address", genesys, "5001", []phone.DialOption{leg, phone.WithCaller("5002", "")}, []string{"from-trunk", "5001", "genesys_sip_server"}, "PJSIP/genesys_sip_server-", ""},
	} {
		t.Log(tc.name)
		call := dial(l, tc.from, tc.number, tc.options...)
		start := next[*ari.StasisStart](l, c)
		require.Equal(t, tc.args, start.Args, tc.name)
		require.Contains(t, start.Channel.Name, tc.channel, tc.name)
		require.Equal(t, tc.leg, start.Channel.ChannelVars["SIDECAR_LEG"], tc.name)
		require.NoError(t, c.Channels().Hangup(l.ctx, start.Channel.ID, ari.ChannelHangupParams{}))
		_, err := call.WaitEnd(l.ctx)
		require.NoError(t, err)
	}
	require.Empty(t, l.Warnings())
}

// What a trunk's INVITE brings is told of word for word, whatever the dialplan would make of it; a phone's is not.
func TestHeadersAndVariablesComeWithTheCall(t *testing.T) {
	t.Parallel()
	cfg, trunk := mixed(t)
	cfg.Calls.UserDataHeaders = []string{"X-Customer-Info", "X-Attempts"}
	cfg.Calls.UserDataVariables = []string{"CHANNEL_IS_NOT_SET"}
	l := newLab(t, cfg)
	c := l.sidecar()
	carrier := l.plainPhone(phone.Options{Bind: trunk, User: "carrier"})
	for _, info := range []string{"Gold", `a=b,c;d|"e" ${CHANNEL(endpoint)} $[1+1] %41 \\ #`, "Müller", strings.Repeat("x", 300)} {
		call := dial(l, carrier, "5001", phone.WithHeader("x-customer-info", info))
		start := next[*ari.StasisStart](l, c)
		require.Equal(t, info, start.Channel.ChannelVars["X-Customer-Info"])
		require.Empty(t, start.Channel.ChannelVars["X-Attempts"])
		require.Empty(t, start.Channel.ChannelVars["CHANNEL_IS_NOT_SET"])
		require.Equal(t, []string{"from-trunk", "5001", "carrier"}, start.Args)
		require.NoError(t, c.Channels().Hangup(l.ctx, start.Channel.ID, ari.ChannelHangupParams{}))
		_, err := call.WaitEnd(l.ctx)
		require.NoError(t, err)
	}
	dial(l, l.phone("5001", "phone-secret-5001", phone.RingOnly), "5002", phone.WithHeader("X-Customer-Info", "forged"))
	require.Empty(t, next[*ari.StasisStart](l, c).Channel.ChannelVars["X-Customer-Info"])
	require.Empty(t, l.Warnings())

	dial(l, carrier, "5001", phone.WithHeader("X-Customer-Info", "M\xfcller"), phone.WithHeader("X-Attempts", "2"))
	start := next[*ari.StasisStart](l, c)
	require.Empty(t, start.Channel.ChannelVars["X-Customer-Info"], "what is not UTF-8 costs only itself")
	require.Equal(t, "2", start.Channel.ChannelVars["X-Attempts"])
}

func TestNumbersThatWouldForgeArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	cfg, trunk := mixed(t)
	l := newLab(t, cfg)
	c := l.sidecar()
	carrier := l.plainPhone(phone.Options{Bind: trunk, User: "carrier"})
	for _, number := range []string{"5001,carrier,x", "5001%26SIP", "50(1)", "50%2C01", "50)01", "5%2401", "5%22%20%7C%201"} {
		requireEnd(l, dial(l, carrier, "sip:"+number+"@"+cfg.Network.SIPListen), 484)
	}
	// Only the next call, which is well-formed, gets through.
	dial(l, carrier, "5002")
	require.Equal(t, []string{"from-trunk", "5002", "carrier"}, next[*ari.StasisStart](l, c).Args)
}

func TestStrangersAndSpoofersAreRefused(t *testing.T) {
	t.Parallel()
	cfg, _ := mixed(t)
	l := newLab(t, cfg)
	stranger := l.plainPhone(phone.Options{User: "5555"})
	requireEnd(l, dial(l, stranger, "5001"), 401)
	// A DN of ours is accepted from our address only: elsewhere even the right password is of no use.
	elsewhere := l.plainPhone(phone.Options{Bind: "127.0.0.9:0", User: "5003", Password: "upstream-secret-5003"})
	requireEnd(l, dial(l, elsewhere, "5001"), 401)
	require.ErrorIs(t, elsewhere.Register(l.ctx, patience), phone.ErrUnchallenged)
}

func TestTransfersOfPhonesComeToTheSidecar(t *testing.T) {
	t.Parallel()
	cfg, trunk := mixed(t)
	l := newLab(t, cfg)
	c := l.sidecar()
	for name, p := range map[string]*phone.Phone{
		"a DN":    l.phone("5001", "phone-secret-5001", phone.RingOnly),
		"a trunk": l.plainPhone(phone.Options{Bind: trunk, User: "carrier"}),
	} {
		call := dial(l, p, "5002")
		start := next[*ari.StasisStart](l, c)
		require.NoError(t, c.Channels().Answer(l.ctx, start.Channel.ID))
		require.NoError(t, call.WaitState(l.ctx, phone.Established), name)
		require.NoError(t, call.Refer(l.ctx, "5003"), name)
		transfer := next[*ari.ChannelTransfer](l, c)
		require.Equal(t, start.Channel.ID, transfer.ReferredBy.SourceChannel.ID, name)
		require.Equal(t, phone.Established, call.State(), "the call stays as it is")
		require.NoError(t, c.Channels().Hangup(l.ctx, start.Channel.ID, ari.ChannelHangupParams{}))
	}
}
