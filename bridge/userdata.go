package bridge

import "sidecar/internal/userdata"

// UserData is what business programs attach to a call. It has its own package because its JSON is needed by many, and
// the engine speaks none.
type UserData = userdata.Data

// UserDataObject is user data that JSON writes as an object, of which a key that is there twice loses the older value.
type UserDataObject = userdata.Object

// Pair is a key of user data with its value.
type Pair = userdata.Pair

// Value is a text, a whole number or a list of pairs.
type Value = userdata.Value

// UserDataError is user data that can't be taken: it names the key and the rule.
type UserDataError = userdata.Error

// UserDataOf makes user data of texts, ordered by key.
func UserDataOf(texts map[string]string) UserData { return userdata.FromMap(texts) }

// fitting leaves out of a new call's data what breaks a limit: the call matters more.
func (e *Engine) fitting(ch ChannelID, data UserData) UserData {
	var fits UserData
	for _, p := range data {
		more, err := fits.Attach(UserData{p})
		if err != nil {
			e.log.Warn("user_data_left_out", "channel", ch.ID, "server", ch.Server, "error", err)
			continue
		}
		fits = more
	}
	return fits
}
