// Package templates holds the text of every file that the sidecar generates. It never decides what goes into
// them: a template only ranges over, and asks for the presence of, what pjsipgen prepared.
package templates

import "embed"

// Files are the templates; the name of a generated file is that of its template without .tmpl.
//
//go:embed *.tmpl nginx/*.tmpl
var Files embed.FS
