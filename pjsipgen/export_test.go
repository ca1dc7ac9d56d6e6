package pjsipgen

// EndpointOptions gives an endpoint's options as Asterisk would report them.
func EndpointOptions(text []byte, name string) map[string]string {
	return effectiveOptions(sectionsOf(FileSet{"pjsip.conf": {Data: text}}, "pjsip.conf", "endpoint")[name])
}
