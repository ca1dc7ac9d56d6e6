package sip_test

import "strings"

// torture is one of the messages that RFC 4475 describes, in words of ours: what is odd about it is what counts.
type torture struct {
	name, section string
	msg           string
	// status is what its sender gets over UDP, and ws over the WebSocket of a phone that has registered; 0 is silence.
	status, ws int
}

// request is an ordinary request of 5001's phone; odd lines replace the ordinary ones of the same name, or are added.
func request(method, uri, body string, odd ...string) string {
	lines := []string{
		"Via: SIP/2.0/WS x.invalid;branch=z9hG4bK$B", "Max-Forwards: 70", "From: <sip:5001@desk.example.com>;tag=f$B",
		"To: <sip:5002@desk.example.com>", "Call-ID: $B", "CSeq: 7 " + method, "Contact: <sip:5001@x.invalid>",
		"Content-Type: application/sdp", "Content-Length: $L",
	}
	for _, line := range odd {
		name, _, _ := strings.Cut(line, ":")
		at := -1
		for i := range lines {
			if strings.HasPrefix(lines[i], strings.TrimSpace(name)+":") {
				at = i
			}
		}
		if at < 0 {
			lines = append([]string{line}, lines...)
		} else {
			lines[at] = line
		}
	}
	return method + " " + uri + " SIP/2.0\n" + strings.Join(lines, "\n") + "\n\n" + body
}

const (
	toDN = "sip:5002@desk.example.com"
	sd   = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
)

func without(msg string, names ...string) string {
	for _, name := range names {
		lines := strings.Split(msg, "\n")
		kept := lines[:0]
		for _, line := range lines {
			if !strings.HasPrefix(line, name+":") {
				kept = append(kept, line)
			}
		}
		msg = strings.Join(kept, "\n")
	}
	return msg
}

// validTorture is section 3.1.1: right, but unusual. A call that gets through is answered 486 by the OnCall of these tests.
func validTorture() []torture {
	return []torture{
		{"short tortuous INVITE", "3.1.1.1", strings.NewReplacer("Call-ID:", "Call-ID \t:", "From:", "f   :").Replace(request("INVITE", "sip:vivekg@chair-dnrc.example.com;unknownparam", sd,
			"To:\n sip:vivekg@chair-dnrc.example.com ;   tag    =", "Via: SIP  / 2.0\n  /WS\n    x.invalid;branch=z9hG4bK$B", "CSeq: 0009\n  INVITE",
			"NewFangledHeader:   newfangled value\n continued newfangled value", "UnknownHeaderWithUnusualValue: ;;,,;;,;",
			"Route:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>", "Contact: \"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\n      newvalue ;\n  secondparam ; q = 0.33")), 486, 486},
		{"wide range of characters", "3.1.1.2", request("!interesting-Method0123456789_*+`.%indeed'~", "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com", "",
			`To: "BEL:\`+"\x07"+` NUL:\`+"\x00"+` DEL:\`+"\x7f"+`" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>`,
			"From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_token~1'+`*%!-.", "extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7"), 400, 400}, // sipgo does not read such a user part
		{"escapes in URIs", "3.1.1.3", request("INVITE", "sip:sips%3Auser%40example.com@desk.example.com", sd, "To: <sip:%75se%72@example.com>"), 486, 486},
		{"escaped nulls", "3.1.1.4", request("REGISTER", "sip:desk.example.com", "", "To: <sip:null-%00-null@example.com>", "From: <sip:null-%00-null@example.com>;tag=839923423",
			"Contact: <sip:%00@host5.example.com>"), 403, 401},
		{"percent signs that escape nothing", "3.1.1.5", request("RE%47IST%45R", "sip:registrar.example.com", "", `To: "%Z%45" <sip:resource@example.com>`, `From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23`), 405, 405},
		{"no white space before <", "3.1.1.6", request("OPTIONS", "sip:user@example.com", "", "From: caller<sip:5001@desk.example.com>;tag=323"), 200, 200},
		{"long values", "3.1.1.7", request("INVITE", toDN, sd, "To: \"I have a user name of "+strings.Repeat("extreme ", 60)+"proportion\"<sip:5002@desk.example.com:6000;unknownparam1="+strings.Repeat("very", 30)+";longparam"+strings.Repeat("name", 40)+"=shortvalue>",
			"Unknown-"+strings.Repeat("Long", 60)+"-Name: unknown-"+strings.Repeat("long", 60)+"-value; unknown-"+strings.Repeat("long", 60)+"-parameter-name = x"), 486, 486},
		{"a second request behind the first", "3.1.1.8", request("OPTIONS", "sip:example.com", "", "Content-Length: 0") + request("INVITE", toDN, sd), 200, 200},
		{"semicolon in the user part", "3.1.1.9", request("OPTIONS", "sip:user;par=u%40example.net@example.com", "", "To: sip:j_user@example.com", "Accept: application/sdp, application/pkcs7-mime"), 200, 200},
		{"many transports in the Vias", "3.1.1.10", request("OPTIONS", "sip:user@example.com", "", "Via: SIP/2.0/WS x.invalid;branch=z9hG4bK$B\nVia: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKkl1\n"+
			"Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2\nVia: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKas"), 200, 200},
		{"multipart body", "3.1.1.11", request("INVITE", toDN, "--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec02ceef655\r\nContent-Type: application/sdp\r\n\r\n"+sd+"\r\n--7a9cbec02ceef655--\r\n",
			"Content-Type: multipart/mixed;boundary=7a9cbec02ceef655"), 486, 486},
		{"reason phrase of other letters", "3.1.1.12", strings.Replace(request("INVITE", toDN, ""), "INVITE "+toDN+" SIP/2.0", "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe", 1), 0, 0},
		{"no reason phrase", "3.1.1.13", strings.Replace(request("INVITE", toDN, ""), "INVITE "+toDN+" SIP/2.0", "SIP/2.0 100 ", 1), 0, 0},
	}
}

// invalidTorture is section 3.1.2, and 3.2 of transactions.
func invalidTorture() []torture {
	return []torture{
		{"extraneous separators", "3.1.2.1", request("INVITE", toDN, sd, "Contact: \"Joe\" <sip:5001@x.invalid>;;;;", "Via: SIP/2.0/WS x.invalid;branch=z9hG4bK$B;;,;,,"), 400, 400},
		{"length beyond the message", "3.1.2.2", request("INVITE", toDN, sd, "Content-Length: 9999"), 400, 400},
		{"negative length", "3.1.2.3", request("INVITE", toDN, sd, "Content-Length: -999"), 400, 400},
		{"numbers that are too large", "3.1.2.4", request("REGISTER", "sip:desk.example.com", "", "CSeq: 36893488147419103232 REGISTER", "Max-Forwards: 300", "Expires: 10000000000000000000000000000000000"), 400, 400},
		{"numbers that are too large in a response", "3.1.2.5", strings.Replace(request("INVITE", toDN, "", "CSeq: 9292394834772304023312 OPTIONS", "Retry-After: 7200000000000000000000000000"), "INVITE "+toDN+" SIP/2.0", "SIP/2.0 503 Service Unavailable", 1), 0, 0},
		{"unterminated quote", "3.1.2.6", request("INVITE", toDN, sd, "To: \"Mr. J. User <sip:5002@desk.example.com>"), 400, 400},
		{"<> around the Request-URI", "3.1.2.7", request("INVITE", "<"+toDN+">", sd), 400, 400},
		{"white space in the Request-URI", "3.1.2.8", request("INVITE", toDN+"; lr", sd), 400, 400},
		{"white space in the start line", "3.1.2.9", strings.Replace(request("INVITE", toDN, sd), "INVITE "+toDN+" SIP", "INVITE  "+toDN+"  SIP", 1), 400, 400},
		{"white space at the end of the start line", "3.1.2.10", strings.Replace(request("OPTIONS", "sip:desk.example.com", ""), "SIP/2.0\n", "SIP/2.0  \n", 1), 400, 400},
		{"headers in the Request-URI", "3.1.2.11", request("INVITE", toDN+"?Route=%3Csip:example.com%3E", sd), 486, 486}, // section 3.1.2.11 lets a server ignore them
		{"time zone other than GMT", "3.1.2.12", request("INVITE", toDN, sd, "Date: Fri, 01 Jan 2010 16:00:00 EST"), 486, 486},
		{"name-addr without <> in Contact", "3.1.2.13", request("REGISTER", "sip:desk.example.com", "", "To: sip:5001@desk.example.com", "Contact: sip:5001@x.invalid?Route=%3Csip:sip.example.com%3E"), 403, 401},
		{"spaces in an address", "3.1.2.14", request("OPTIONS", "sip:desk.example.com", "", "To: \"Watson, Thomas\" < sip:t.watson@example.org >"), 400, 400},
		{"a display name that is no token", "3.1.2.15", request("OPTIONS", "sip:desk.example.com", "", "To: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"), 481, 481}, // it is clear what is meant, but not which call
		{"unknown version", "3.1.2.16", strings.Replace(request("OPTIONS", "sip:desk.example.com", ""), "SIP/2.0\n", "SIP/7.0\n", 1), 505, 505},
		{"method of the start line and of CSeq", "3.1.2.17", request("OPTIONS", "sip:desk.example.com", "", "CSeq: 8 INVITE"), 400, 400},
		{"unknown methods that differ", "3.1.2.18", request("NEWMETHOD", "sip:desk.example.com", "", "CSeq: 8 INVITE"), 400, 400},
		{"status that overflows", "3.1.2.19", strings.Replace(request("INVITE", toDN, ""), "INVITE "+toDN+" SIP/2.0", "SIP/2.0 4294967301 better not break the receiver", 1), 0, 0},
		{"branch of nothing but the cookie", "3.2.1", request("OPTIONS", "sip:desk.example.com", "", "Via: SIP/2.0/WS x.invalid;branch=z9hG4bK"), 400, 400},
	}
}

// coreTorture is section 3.3, what the user agent decides, and 3.4.
func coreTorture() []torture {
	return []torture{
		{"required headers are missing", "3.3.1", without(request("INVITE", toDN, sd), "Call-ID", "From", "To"), 0, 0},
		{"Request-URI of an unknown scheme", "3.3.2", request("OPTIONS", "nobodyKnowsThisScheme:totallyopaquecontent", ""), 416, 416},
		{"Request-URI of a known scheme that is no SIP", "3.3.3", request("OPTIONS", "soap.beep://192.0.2.103:3002", ""), 400, 400},
		{"unknown schemes elsewhere", "3.3.4", request("REGISTER", "sip:desk.example.com", "", "To: isbn:2983792873", "From: <http://www.example.com>;tag=3234233", "Contact: <name:John_Smith>"), 404, 404},
		{"unknown Require and Proxy-Require", "3.3.5", request("OPTIONS", "sip:desk.example.com", "", "Require: nothingSupportsThis, nothingSupportsThisEither", "Proxy-Require: noProxiesSupportThis"), 420, 420},
		{"unknown Content-Type", "3.3.6", request("INVITE", toDN, "<audio>", "Content-Type: application/unknownformat"), 415, 415},
		{"unknown scheme in Authorization", "3.3.7", request("REGISTER", "sip:desk.example.com", "", "To: <sip:5001@desk.example.com>", "Authorization: NoOneKnowsThisScheme opaque-data=here"), 403, 400},
		{"two of what there is one of", "3.3.8", request("INVITE", toDN, sd, "From: <sip:5001@desk.example.com>;tag=3413415\nFrom: <sip:5001@desk.example.com>;tag=other"), 400, 400},
		{"two lengths", "3.3.9", request("OPTIONS", "sip:desk.example.com", "There are no more than 10 bytes", "Content-Length: 8\nContent-Length: 5"), 400, 400},
		{"a 200 from a broadcast address", "3.3.10", strings.Replace(request("INVITE", toDN, "", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23"), "INVITE "+toDN+" SIP/2.0", "SIP/2.0 200 OK", 1), 0, 0},
		{"Max-Forwards of zero", "3.3.11", request("OPTIONS", "sip:desk.example.com", "", "Max-Forwards: 0"), 200, 200},
		{"REGISTER with a parameter of Contact", "3.3.12", request("REGISTER", "sip:desk.example.com", "", "To: <sip:5001@desk.example.com>", "Contact: sip:+19725552222@gw1.example.net;unknownparam"), 403, 401},
		{"REGISTER with a parameter of the URI", "3.3.13", request("REGISTER", "sip:desk.example.com", "", "To: <sip:5001@desk.example.com>", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"), 403, 401},
		{"REGISTER with an escaped header in the URI", "3.3.14", request("REGISTER", "sip:desk.example.com", "", "To: <sip:5001@desk.example.com>", "Contact: <sip:5001@x.invalid?Route=%3Csip:sip.example.com%3E>"), 403, 401},
		{"no description acceptable", "3.3.15", request("INVITE", toDN, sd, "Accept: text/nobodyKnowsThis"), 486, 486},
		{"INVITE of RFC 2543", "3.4.1", without(request("INVITE", toDN, sd, "Via: SIP/2.0/WS x.invalid"), "Max-Forwards"), 400, 400},
	}
}
