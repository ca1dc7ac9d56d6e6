package ariswitch

import (
	"strings"

	"sidecar/bridge"
)

// ownVariable begins the names of the channel variables that are between us and the generated dialplan.
const ownVariable = "SIDECAR_"

// userData is what came with a call: the other variables that Asterisk was told to send along with every event, under
// their own names. Headers are among them, since the dialplan keeps each in a variable of its name.
func userData(vars map[string]string) bridge.UserData {
	texts := map[string]string{}
	for name, value := range vars {
		if value != "" && !strings.HasPrefix(name, ownVariable) {
			texts[name] = value
		}
	}
	return bridge.UserDataOf(texts)
}
