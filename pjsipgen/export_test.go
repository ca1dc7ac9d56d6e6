package pjsipgen

// EndpointOptions gives an endpoint's options as Asterisk would report them.
func EndpointOptions(text []byte, name string) map[string]string {
	return effectiveOptions(sipSections(FileSet{"pjsip.conf": {Data: text}}, "endpoint")[name])
}
