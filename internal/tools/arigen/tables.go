package main

// major is the Asterisk major version that package ari's own code is written for.
const major = "22"

// renamed gives models another Go name: those with a handle of the same name
// (the vocabulary of the field: ChannelHandle acts, ChannelData describes).
func renamed(model string) string {
	switch model {
	case "Application", "Bridge", "Channel", "DeviceState", "Endpoint", "LiveRecording",
		"Mailbox", "Playback", "Sound", "StoredRecording":
		return model + "Data"
	case "RTPstat":
		return "RTPStat"
	}
	return model
}

// fieldType is the Go type of those fields whose meaning the description leaves
// to a bare string or object. Keys are Model.field, or .field for every model.
func fieldType(model, field string) string {
	types := map[string]string{
		"Channel.id":                    "ChannelID",
		"Bridge.id":                     "BridgeID",
		"Bridge.channels":               "[]ChannelID",
		"Bridge.video_source_id":        "ChannelID",
		"Playback.id":                   "PlaybackID",
		"LiveRecording.name":            "RecordingName",
		"StoredRecording.name":          "RecordingName",
		"RTPstat.channel_uniqueid":      "ChannelID",
		"Application.events_allowed":    "[]EventFilterEntry",
		"Application.events_disallowed": "[]EventFilterEntry",
		"Variables.variables":           "VarValues",
		".destination_bridge":           "BridgeID",
		".old_video_source_id":          "ChannelID",
		".channel_ids":                  "[]ChannelID",
		".bridge_ids":                   "[]BridgeID",
		".channelvars":                  "VarValues",
		".bridgevars":                   "VarValues",
	}
	if t, ok := types[model+"."+field]; ok {
		return t
	}
	return types["."+field]
}

// paramType is the Go type of parameters that the description calls strings or
// containers, by operation and name, or by name for every operation.
func paramType(resource, op, param string) string {
	types := map[string]string{
		"channelId":                "ChannelID",
		"otherChannelId":           "ChannelID",
		"originator":               "ChannelID",
		"snoopId":                  "ChannelID",
		"channel":                  "ChannelID",
		"bridgeId":                 "BridgeID",
		"playbackId":               "PlaybackID",
		"recordingName":            "RecordingName",
		"destinationRecordingName": "RecordingName",
		"channels.dial.caller":     "ChannelID",
		"channels.record.name":     "RecordingName",
		"bridges.record.name":      "RecordingName",
		"fields":                   "[]ConfigTuple",
		"filter":                   "EventFilter",
		"channels.variables":       "Vars",
		"bridges.variables":        "Vars",
		"endpoints.variables":      "map[string]string",
		"events.variables":         "map[string]any",
	}
	for _, key := range []string{resource + "." + op + "." + param, resource + "." + param, param} {
		if t, ok := types[key]; ok {
			return t
		}
	}
	return ""
}

// bareBody names the operation whose container Asterisk 22.10.1 takes for the
// whole body, against its own description: POST /bridges answers 400 "Each object
// value in 'variables' must include string field 'value'" to the described form.
func bareBody(resource, op string) bool {
	return resource == "bridges" && op == "create"
}

// duration names the unit of parameters that are spans of time.
func duration(param string) (goName, unit string) {
	switch param {
	case "timeout":
		return "Timeout", "time.Second"
	case "maxDurationSeconds":
		return "MaxDuration", "time.Second"
	case "maxSilenceSeconds":
		return "MaxSilence", "time.Second"
	case "offsetms":
		return "Offset", "time.Millisecond"
	case "skipms":
		return "Skip", "time.Millisecond"
	case "before", "between", "duration", "after":
		return exported(param), "time.Millisecond"
	}
	return "", ""
}

// service is the Go type that carries a resource's operations, singular the
// prefix of its parameter types.
func service(resource string) (name, singular string) {
	switch resource {
	case "applications":
		return "Applications", "Application"
	case "asterisk":
		return "Asterisk", "Asterisk"
	case "bridges":
		return "Bridges", "Bridge"
	case "channels":
		return "Channels", "Channel"
	case "deviceStates":
		return "DeviceStates", "DeviceState"
	case "endpoints":
		return "Endpoints", "Endpoint"
	case "events":
		// Client.Events is the stream itself.
		return "UserEvents", "UserEvent"
	case "mailboxes":
		return "Mailboxes", "Mailbox"
	case "playbacks":
		return "Playbacks", "Playback"
	case "recordings":
		return "Recordings", "Recording"
	case "sounds":
		return "Sounds", "Sound"
	}
	return exported(resource), exported(resource)
}

// handle describes a type bound to one object of a resource.
type handle struct {
	name, resource, path, param, idType, key string
}

func handles() []handle {
	return []handle{
		{"Channel", "channels", "/channels/{channelId}", "channelId", "ChannelID", "channel"},
		{"Bridge", "bridges", "/bridges/{bridgeId}", "bridgeId", "BridgeID", "bridge"},
		{"Playback", "playbacks", "/playbacks/{playbackId}", "playbackId", "PlaybackID", "playback"},
		{"LiveRecording", "recordings", "/recordings/live/{recordingName}", "recordingName", "RecordingName", "recording"},
		{"StoredRecording", "recordings", "/recordings/stored/{recordingName}", "recordingName", "RecordingName", "recording"},
	}
}
