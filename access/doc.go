// Package access stands between the doors (REST, the desktops' dialects) and what they command: it says who may see
// which call, DN or supervision, as which DN a command acts, and by which dial rules it goes, and it records what users do to
// others' calls and states. Every door asks it, so that none allows what another refuses.
//
// It also finds out whose request it is when requests bring a name and password (see [Logins]), and puts what goes wrong into one
// closed vocabulary (see [OutcomeOf]). It holds no rule about calls, which are the engine's, and no state but logins.
package access
