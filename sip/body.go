package sip

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/emiago/sipgo/sip"
)

const sdpType = "application/sdp"

// bodyOf is the body of a message; of several in one (RFC 5621) it is the session description.
func bodyOf(m message) Body {
	if len(m.Body()) == 0 {
		return Body{}
	}
	body := Body{Type: headerValue(m, "Content-Type"), Data: m.Body()}
	kind, params, err := mime.ParseMediaType(body.Type)
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return body
	}
	parts := multipart.NewReader(bytes.NewReader(body.Data), params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return body
		}
		if kind, _, err = mime.ParseMediaType(part.Header.Get("Content-Type")); err != nil || kind != sdpType {
			continue
		}
		data, err := io.ReadAll(part) // no longer than the message
		if err != nil {
			return body
		}
		return SDP(data)
	}
}

// describesSession reports whether the body of an INVITE or UPDATE is one that may be
// read as a session description. One without a type is taken for one, as everybody does.
func describesSession(req *sip.Request) bool {
	if coding := headerValue(req, "Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return false
	}
	body := bodyOf(req)
	if body.Empty() || body.Type == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(body.Type)
	return err == nil && kind == sdpType
}
