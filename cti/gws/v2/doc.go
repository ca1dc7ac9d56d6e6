// Package v2 is the dialect of GWS 8.5, API version 2, which Workspace Web Edition 8.5 speaks: resources and operations by name
// below /api/v2 and /internal-api, notifications by CometD at /api/v2/notifications.
//
// It puts into these words what package access lets through and what the feed tells; it decides nothing about calls and keeps nothing, not
// even sessions: a login's token is in the cookie.
package v2
