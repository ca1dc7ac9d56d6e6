//go:build e2e

package e2e_test

import (
	"bufio"
	endian "encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"sidecar/internal/testkit/said"
)

// Tones of pages: what the microphones hear, and an oscillator's.
const (
	browserTone = 830
	otherTone   = 620
)

// chromium is one browser process, which every test opens its own windows in. It starts with the first of them.
type chromium struct {
	tone   string   // file of what the microphones hear
	prefix []string // command that runs node elsewhere

	start   sync.Once
	failure error
	origin  string // of the pages
	log     logBuffer
	opened  atomic.Int64
	reading sync.WaitGroup
	cmd     *exec.Cmd

	mu      sync.Mutex // of what follows
	stdin   io.WriteCloser
	next    int
	waiting map[int]chan answer
}

// answer is a line of e2e/node/phones.mjs.
type answer struct {
	ID     int
	Origin string
	Result json.RawMessage
	Error  string
}

// ready starts the browser if it does not run yet.
func (c *chromium) ready(t *testing.T) *chromium {
	t.Helper()
	c.start.Do(func() { c.failure = c.run() })
	require.NoError(t, c.failure, "Chromium is installed and scripts/web-packages.sh was run: %s", &c.log)
	return c
}

func (c *chromium) run() error {
	if err := writeTone(c.tone, browserTone); err != nil {
		return err
	}
	args := append(append([]string{}, c.prefix...), "node", "node/phones.mjs", c.tone)
	c.cmd = exec.Command(args[0], args[1:]...)
	c.cmd.Stderr = &c.log
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.stdin, c.waiting = stdin, map[int]chan answer{}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	var hello answer
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &hello) != nil || hello.Origin == "" {
		return fmt.Errorf("node/phones.mjs began with %q", lines.Text())
	}
	c.origin = hello.Origin
	c.reading.Go(func() { c.read(lines) })
	return nil
}

func (c *chromium) read(lines *bufio.Scanner) {
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			_, _ = fmt.Fprintf(&c.log, "no JSON: %s\n", lines.Bytes())
			continue
		}
		c.mu.Lock()
		waiting := c.waiting[a.ID]
		delete(c.waiting, a.ID)
		c.mu.Unlock()
		if waiting != nil {
			waiting <- a
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, waiting := range c.waiting {
		delete(c.waiting, id)
		waiting <- answer{Error: "the browser has ended"}
	}
}

func (c *chromium) close() {
	if c.stdin == nil {
		return
	}
	_ = c.stdin.Close()
	c.reading.Wait()
	_ = c.cmd.Wait()
}

// ask has a verb carried out and waits for what comes of it.
func (c *chromium) ask(page, verb string, args []any) (json.RawMessage, error) {
	result := make(chan answer, 1)
	c.mu.Lock()
	c.next++
	c.waiting[c.next] = result
	line, err := json.Marshal(map[string]any{"id": c.next, "page": page, "do": verb, "args": args})
	if err == nil {
		_, err = c.stdin.Write(append(line, '\n'))
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	a := <-result // the page's own patience ends it
	if a.Error != "" {
		return nil, fmt.Errorf("%s in %s: %s", verb, page, a.Error)
	}
	return a.Result, nil
}

// window is a page with a phone made of JsSIP.
type window struct {
	t    *testing.T
	c    *chromium
	name string
	with account
}

// account is what a phone starts with. The fields' names are those of e2e/node/phone_page.mjs.
type account struct {
	URL         string           `json:"url"`
	URI         string           `json:"uri"`
	Password    string           `json:"password"`
	Tone        float64          `json:"tone"` // 0: the microphone's
	AllowEvents string           `json:"allowEvents,omitempty"`
	Resume      bool             `json:"resume"`
	ICEServers  []map[string]any `json:"iceServers,omitempty"`
	Codec       string           `json:"codec,omitempty"` // the only one it has
}

// webAccount is the account of a DN at the sidecar.
func (s *system) webAccount(dn string, tone float64) account {
	s.t.Helper()
	return account{URL: "ws://" + s.http + "/ws", URI: "sip:" + dn + "@" + strings.Split(s.http, ":")[0], Password: s.phonePassword(dn), Tone: tone, Resume: true}
}

// window opens a page. It has no phone before start.
func (s *system) window(with account) *window {
	s.t.Helper()
	c := windows.ready(s.t)
	w := &window{t: s.t, c: c, with: with, name: fmt.Sprintf("%s window %d", s.t.Name(), c.opened.Add(1))}
	w.do("open", nil)
	s.t.Cleanup(func() {
		_, _ = c.ask(w.name, "close", nil)
		if w.t.Failed() {
			var own strings.Builder
			for line := range strings.Lines(c.log.String()) {
				if text, ok := strings.CutPrefix(line, w.name+": "); ok {
					own.WriteString(text)
				}
			}
			said.Keep(w.t, w.name[strings.LastIndex(w.name, " window")+1:], own.String())
		}
	})
	return w
}

// browser is a window whose phone is registered for a DN.
func (s *system) browser(dn string, tone float64) *window {
	s.t.Helper()
	w := s.window(s.webAccount(dn, tone))
	require.Equal(s.t, "registered", w.start())
	return w
}

// start makes the page's phone register and tells what came of it: "registered" or "refused 403".
func (w *window) start() string {
	w.t.Helper()
	var said string
	w.do("start", &said, w.with)
	return said
}

// do calls a method of window.phone.
func (w *window) do(verb string, into any, args ...any) {
	w.t.Helper()
	result, err := w.c.ask(w.name, verb, args)
	require.NoError(w.t, err)
	if into != nil {
		require.NoError(w.t, json.Unmarshal(result, into))
	}
}

// lines are what became of the connection and the registration.
func (w *window) lines() []string {
	w.t.Helper()
	var lines []string
	w.do("lines", &lines)
	return lines
}

// line waits for a line that matches, from the nth on.
func (w *window) line(pattern string, from int) string {
	w.t.Helper()
	var line string
	w.do("waitLine", &line, pattern, from)
	return line
}

// webCall is a call of a window.
type webCall struct {
	*window
	index   int
	from    string
	headers map[string]string
}

// webEnd says how a call ended, in JsSIP's words.
type webEnd struct {
	Originator, Cause, Method, Reason string
	Status                            int
}

// media is what a page's WebRTC says of a call.
type media struct {
	Receives, Sends, Local, Remote, Protocol, Relay, Offer string
	Lost, Received                                         int
}

func (w *window) dial(number string, headers ...string) *webCall {
	w.t.Helper()
	c := &webCall{window: w}
	w.do("dial", &c.index, number, append([]string{}, headers...))
	return c
}

// incoming waits for the next call; answer takes it.
func (w *window) incoming() *webCall {
	w.t.Helper()
	var call struct {
		Index   int
		From    string
		Headers map[string]string
	}
	w.do("incoming", &call)
	return &webCall{window: w, index: call.Index, from: call.From, headers: call.Headers}
}

// on is the window seen from another test.
func (w *window) on(t *testing.T) *window {
	t.Helper()
	other := *w
	other.t = t
	return &other
}

func (c *webCall) its(verb string, into any, args ...any) {
	c.t.Helper()
	c.do(verb, into, append([]any{c.index}, args...)...)
}

func (c *webCall) answer() *webCall        { c.t.Helper(); c.its("answer", nil); return c }
func (c *webCall) hangup()                 { c.t.Helper(); c.its("hangup", nil) }
func (c *webCall) hold()                   { c.t.Helper(); c.its("hold", nil, true) }
func (c *webCall) retrieve()               { c.t.Helper(); c.its("hold", nil, false) }
func (c *webCall) state(state string)      { c.t.Helper(); c.its("waitState", nil, state) }
func (c *webCall) hears(hz float64)        { c.t.Helper(); c.its("hear", nil, "tone", hz) }
func (c *webCall) hearsNot(hz float64)     { c.t.Helper(); c.its("hear", nil, "noTone", hz) }
func (c *webCall) hearsSound()             { c.t.Helper(); c.its("hear", nil, "sound", 0) }
func (c *webCall) dtmf(digits, how string) { c.t.Helper(); c.its("dtmf", nil, digits, how) }
func (c *webCall) ended() (end webEnd)     { c.t.Helper(); c.its("waitEnd", &end); return end }
func (c *webCall) media() (m media)        { c.t.Helper(); c.its("media", &m); return m }

// carries requires a codec in both directions.
func (c *webCall) carries(mime string) {
	c.t.Helper()
	m := c.media()
	require.Equal(c.t, [2]string{mime, mime}, [2]string{m.Sends, m.Receives})
}

// hearsDigit waits for the two frequencies of a digit (ITU-T Q.23), which is how a browser plays an event of RFC 4733.
func (c *webCall) hearsDigit(digit byte) {
	c.t.Helper()
	at := strings.IndexByte("123A456B789C*0#D", digit)
	c.its("hear", nil, "digit", []int{[]int{697, 770, 852, 941}[at/4], []int{1209, 1336, 1477, 1633}[at%4]})
}

// writeTone writes two seconds of a tone as a WAV file; the fake microphone plays it again and again.
func writeTone(path string, hz float64) error {
	const rate, seconds = 48000, 2
	data := make([]byte, 0, 2*rate*seconds)
	for i := range rate * seconds {
		data = endian.LittleEndian.AppendUint16(data, uint16(int16(9000*math.Sin(2*math.Pi*hz*float64(i)/rate))))
	}
	head := []byte("RIFF")
	head = endian.LittleEndian.AppendUint32(head, uint32(36+len(data)))
	head = append(head, "WAVEfmt "...)
	head = endian.LittleEndian.AppendUint32(head, 16)
	for _, field := range []uint16{1, 1} { // PCM, mono
		head = endian.LittleEndian.AppendUint16(head, field)
	}
	head = endian.LittleEndian.AppendUint32(head, rate)
	head = endian.LittleEndian.AppendUint32(head, rate*2)
	head = endian.LittleEndian.AppendUint16(head, 2)
	head = endian.LittleEndian.AppendUint16(head, 16)
	head = append(head, "data"...)
	head = endian.LittleEndian.AppendUint32(head, uint32(len(data)))
	return os.WriteFile(path, append(head, data...), 0o600)
}
