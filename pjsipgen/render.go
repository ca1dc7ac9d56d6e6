package pjsipgen

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"text/template"

	"sidecar/templates"
)

const (
	modePublic = fs.FileMode(0o644)
	modeSecret = fs.FileMode(0o600)
)

// File is one generated file.
type File struct {
	Data []byte
	Mode fs.FileMode
}

// FileSet is all generated files by their name below the directory.
type FileSet map[string]File

// staticFiles need nothing of the model but its head.
func staticFiles() []string {
	return []string{
		"acl.conf", "ccss.conf", "cdr.conf", "cel.conf", "chan_websocket.conf", "features.conf", "indications.conf",
		"logger.conf", "manager.conf", "pjproject.conf", "udptl.conf",
	}
}

// Render writes every file. Those that hold passwords are for their owner only.
func Render(m *Model) (FileSet, error) {
	set, err := template.ParseFS(templates.Files, "*.tmpl", "nginx/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("read the templates: %w", err)
	}
	r := &renderer{templates: set, files: FileSet{}}
	for _, name := range staticFiles() {
		r.file(name, modePublic, m.Head)
	}
	r.file("pjsip.conf", modeSecret, m.PJSIP)
	r.file("ari.conf", modeSecret, m.ARI)
	r.file("websocket_client.conf", modeSecret, m.Outbound)
	r.file("extensions.conf", modePublic, m.Dialplan)
	r.file("http.conf", modePublic, m.HTTP)
	r.file("rtp.conf", modePublic, m.RTP)
	r.file("modules.conf", modePublic, m.Modules)
	r.file("musiconhold.conf", modePublic, m.Music)
	if boxes := m.Dialplan.Mailboxes; len(boxes) > 0 {
		r.file("voicemail.conf", modePublic, Voicemail{Head: m.Head, Mailboxes: boxes})
	}
	r.file("nginx/sidecar.conf", modePublic, m.Nginx)
	r.file("widget.json", modePublic, m.Widget)
	return r.files, r.err
}

type renderer struct {
	templates *template.Template
	files     FileSet
	err       error
}

func (r *renderer) file(name string, mode fs.FileMode, data any) {
	if r.err != nil {
		return
	}
	var out bytes.Buffer
	if err := r.templates.ExecuteTemplate(&out, path.Base(name)+".tmpl", data); err != nil {
		r.err = fmt.Errorf("render %s: %w", name, err)
		return
	}
	r.files[name] = File{Data: out.Bytes(), Mode: mode}
}
