package web

import "net/http"

// Missing serves the page of a binary that was built without dist.
func Missing() http.Handler { return handlerOf(missingDir) }
