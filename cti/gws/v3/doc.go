// Package v3 is the Workspace API, version 3, as its published clients speak it: REST under /workspace/v3 and
// notifications over CometD.
//
// It owns the shapes, paths, codes and sessions of that API: a session is a login with the DN that it works at, what it
// has subscribed to, and how calls end for it. It keeps no call or DN state of its own and holds no rule about who may do
// what.
//
// # Ids
//
// A call is known by its ConnID, as 16 hex digits; commands take the call's UUID too. A client's operationId is its own:
// two users may choose the same one, so it goes to the engine with the user's name in front, and comes back without it.
package v3
