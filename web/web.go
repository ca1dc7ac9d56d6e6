package web

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

// The pattern covers dist, which is there after a build only, and dist-missing, which always is: without a match the
// compiler would refuse to build a fresh clone.
//
//go:embed all:dist*
var files embed.FS

const (
	builtDir   = "dist"
	missingDir = "dist-missing"
	indexFile  = "index.html"
	assetsPath = "/assets/"
)

// policy lets the page load its own files and talk to its own server, and nothing else. "self" includes the server's
// WebSocket (CSP 3, section 6.7.2.8). The worker is CometD's clock, which a hidden tab doesn't slow down; CometD makes it
// from a blob. Constructed style sheets, which Lit uses, are script and not subject to style-src.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// Patterns are the paths that Handler serves, as http.ServeMux wants them. There is none for the whole of "/": what is
// no file of the page is for the API to answer.
func Patterns() []string {
	return []string{"GET /{$}", "GET " + assetsPath, "GET /favicon.svg"}
}

// Built reports whether the page is in this binary.
func Built() bool {
	_, err := fs.Stat(files, builtDir+"/"+indexFile)
	return err == nil
}

// Handler serves the page, or the one that says how to build it.
func Handler() http.Handler {
	dir := missingDir
	if Built() {
		dir = builtDir
	}
	return handlerOf(dir)
}

func handlerOf(dir string) http.Handler {
	page, err := fs.Sub(files, dir)
	if err != nil { // only for a name that is no path: ours are
		return http.NotFoundHandler()
	}
	return HandlerFrom(page)
}

// HandlerFrom serves another build of the page, with index.html at its root.
func HandlerFrom(page fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = indexFile
		}
		setHeaders(w.Header(), r.URL.Path)
		// Directories are not listed, and a name with dots for parents is no file's.
		info, err := fs.Stat(page, name)
		if err != nil || info.IsDir() {
			w.Header().Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
		http.ServeFileFS(w, r, page, name) //nolint:gosec // an fs.FS has no path that leads out of it (fs.ValidPath)
	})
}

// setHeaders lets browsers keep what has a hash of its contents in its name. The page itself is asked for every time, so
// that a new binary shows at the next load.
func setHeaders(h http.Header, path string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(path, assetsPath) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
}
