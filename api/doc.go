// Package api is the daemon's web door: /api/v1 with its OpenAPI description, health, metrics, and what every
// request gets (an id, a log line, recovery, the answer to foreign origins).
//
// It checks who asks and which DNs that gives, then hands the command to the call engine; it holds no rule about
// calls. Errors become answers in one place, errors.go, as problems of RFC 9457.
package api
