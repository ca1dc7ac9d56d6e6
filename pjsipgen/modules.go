package pjsipgen

import "slices"

// modules are what the generated dialplan, ARI and PJSIP use, with what those modules need in turn. Found against
// Asterisk 22.10.1: with this list and the generated files its log has no warning.
//
// Servers that ring each other's phones do without bridge_native_rtp: it relays packets under the phone's sequence numbers,
// and pauses while the phone holds, when Asterisk sends under numbers of its own. The other server drops what is behind the
// number that it saw last, so that the phone was heard no more after one hold in two or three.
func modules(voicemail, peers bool) []string {
	list := slices.Concat(
		[]string{
			"app_bridgewait", "app_dial", "app_echo", "app_exec", "app_milliwatt", "app_mixmonitor", "app_playback", "app_playtones",
			"app_stack", "app_stasis", "app_verbose", "bridge_builtin_features", "bridge_holding", "bridge_native_rtp",
			"bridge_simple", "bridge_softmix", "chan_audiosocket", "chan_bridge_media", "chan_pjsip", "chan_rtp",
			"chan_websocket", "codec_a_mu", "codec_alaw", "codec_g722", "codec_gsm", "codec_opus_open_source",
			"codec_resample", "codec_ulaw", "format_gsm", "format_pcm", "format_sln", "format_wav", "format_wav_gsm",
		},
		[]string{
			"func_callerid", "func_channel", "func_dialplan", "func_groupcount", "func_hangupcause", "func_logic",
			"func_pjsip_aor", "func_pjsip_contact", "func_pjsip_endpoint", "func_strings", "func_talkdetect",
			"func_timeout", "pbx_config",
		},
		[]string{
			"res_ari", "res_ari_applications", "res_ari_asterisk", "res_ari_bridges", "res_ari_channels",
			"res_ari_device_states", "res_ari_endpoints", "res_ari_events", "res_ari_model", "res_ari_playbacks",
			"res_ari_recordings", "res_ari_sounds", "res_audiosocket", "res_convert", "res_curl",
			"res_format_attr_opus", "res_http_websocket", "res_musiconhold", "res_mutestream",
		},
		[]string{
			"res_pjproject", "res_pjsip", "res_pjsip_acl", "res_pjsip_authenticator_digest", "res_pjsip_caller_id",
			"res_pjsip_dialog_info_body_generator", "res_pjsip_diversion", "res_pjsip_dlg_options",
			"res_pjsip_dtmf_info", "res_pjsip_empty_info", "res_pjsip_endpoint_identifier_ip",
			"res_pjsip_endpoint_identifier_user", "res_pjsip_exten_state", "res_pjsip_header_funcs",
			"res_pjsip_logger", "res_pjsip_messaging", "res_pjsip_mwi", "res_pjsip_mwi_body_generator",
			"res_pjsip_nat", "res_pjsip_outbound_authenticator_digest", "res_pjsip_outbound_publish",
			"res_pjsip_outbound_registration", "res_pjsip_path", "res_pjsip_pidf_body_generator", "res_pjsip_pubsub",
			"res_pjsip_refer", "res_pjsip_registrar", "res_pjsip_rfc3326", "res_pjsip_sdp_rtp", "res_pjsip_session",
			"res_pjsip_sips_contact", "res_pjsip_transport_websocket",
		},
		[]string{
			"res_rtp_asterisk", "res_rtp_multicast", "res_security_log", "res_sorcery_astdb", "res_sorcery_config",
			"res_sorcery_memory", "res_sorcery_realtime", "res_srtp", "res_stasis", "res_stasis_answer",
			"res_stasis_device_state", "res_stasis_playback", "res_stasis_recording", "res_stasis_snoop",
			"res_timing_timerfd", "res_websocket_client",
		},
	)
	if peers {
		list = slices.DeleteFunc(list, func(name string) bool { return name == "bridge_native_rtp" })
	}
	if voicemail {
		list = append(list, "app_voicemail")
	}
	return list
}
