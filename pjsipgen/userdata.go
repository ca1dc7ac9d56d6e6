package pjsipgen

import (
	"fmt"
	"slices"
	"strings"
)

// channelVars lists the variables that come with every event. What is not our own becomes the user data of the call.
func (b *builder) channelVars() string {
	calls := &b.cfg.Calls
	for i, name := range calls.UserDataHeaders {
		b.check.name(fmt.Sprintf("calls.user_data_headers[%d]", i), name)
	}
	for i, name := range calls.UserDataVariables {
		b.check.name(fmt.Sprintf("calls.user_data_variables[%d]", i), name)
	}
	return strings.Join(slices.Concat([]string{ChannelVars}, calls.UserDataHeaders, calls.UserDataVariables), ",")
}
