package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/config"
)

const hookSecret = "whsec_czNjcmV0Li5zM2NyZXQuLnMzY3JldC4u"

func TestLoadWebhooks(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, "dns: [{numbers: [5001-5003]}]\nwebhooks: {crm: {url: 'https://crm.example.com/x?y=z', secret: "+hookSecret+
		", events: [Released], dns: [5001-5002], topic: call, give_up_after: 1h}}")
	require.NoError(t, err)
	require.Equal(t, map[string]config.Webhook{"crm": {
		URL: "https://crm.example.com/x?y=z", Secret: hookSecret, Events: []string{"Released"}, DNs: []string{"5001-5002"},
		Topic: "call", GiveUpAfter: time.Hour,
	}}, cfg.Webhooks)
}

func TestLoadRefusesWebhooks(t *testing.T) {
	t.Parallel()
	const good = "url: 'https://crm.example.com/x', secret: " + hookSecret
	cases := map[string]string{
		"crm: {secret: " + hookSecret + "}":                           "webhooks.crm.url: write http:// or https://",
		"crm: {url: 'https://a:hush@b/', secret: " + hookSecret + "}": "webhooks.crm.url: write http:// or https://",
		"crm: {url: 'ftp://b/', secret: " + hookSecret + "}":          "webhooks.crm.url: write http:// or https://",
		"crm: {url: 'https://b/'}":                                    "webhooks.crm.secret: write whsec_",
		"crm: {url: 'https://b/', secret: hush}":                      "webhooks.crm.secret: \"********\": write whsec_",
		"crm: {" + good + ", events: [Held, Rinqing]}":                "webhooks.crm.events[1]: \"Rinqing\": must be one of Abandoned, AfterCallWork,",
		"crm: {" + good + ", dns: [x-y]}":                             "webhooks.crm.dns[0]: ",
		"crm: {" + good + ", dns: [7001]}":                            "7001 is not a DN that is defined under dns, nor the number of a queue",
		"crm: {" + good + ", topic: both}":                            "webhooks.crm.topic: ",
		"crm: {" + good + ", give_up_after: -1s}":                     "webhooks.crm.give_up_after: ",
		"'c r m': {" + good + "}":                                     "webhooks.c r m: ",
	}
	for text, want := range cases {
		_, _, err := load(t, "webhooks: {"+text+"}")
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hush", text)
	}
}
