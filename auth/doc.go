// Package auth owns who may do what: users with a role, a team and the DNs they may use, their passwords, and
// the tokens that stand for a logged-in user.
//
// It never stores anything itself (UserStore does), never decides about calls, and knows DNs only as numbers.
//
// A token is good for as long as its user stays enabled and keeps password and role: every check reads the user
// again, so that a changed password or a disabled user takes effect at once, in every process.
package auth
