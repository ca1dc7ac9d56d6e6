package eventlog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/bridge"
	"sidecar/cti"
	"sidecar/store/eventlog"
)

const (
	proofEvents   = 100_000
	proofSessions = 200
	proofKills    = 3
	proofWaiting  = 600  // before the appender, and as many in its hands: lost with a kill
	proofAgain    = 1800 // told again after it: more than can be lost, less than the 2,000 whose ids the feed knows

	lifeDir = "SIDECAR_TEST_LIFE" // set for the process that is killed
	lineEnd = "."                 // of a line that was written whole
)

// life is a sidecar as far as the feed goes: it publishes events up to the last, and serves sessions. A session says which
// DN it is about and where it was, and gets a line for each event: its id and cursor.
func life(dir string) {
	l, err := eventlog.New(proofLog(dir))
	if err != nil {
		panic(err)
	}
	feed := cti.NewFeed(cti.FeedOptions{Node: "n1", Log: l, Retain: 2000})
	for feed.Open(context.Background()) != nil { // Run would go on trying too: a busy machine may need more than one attempt
		<-time.After(50 * time.Millisecond)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var work sync.WaitGroup
	work.Go(func() { _ = feed.Run(context.Background()) })
	work.Go(func() { publishAll(feed, filepath.Join(dir, "published")) })
	_, _ = fmt.Fprintln(os.Stdout, listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		work.Go(func() { serve(feed, conn) })
	}
}

// proofLog has room for all events: what the log gives up in time is another test's.
func proofLog(dir string) eventlog.Options {
	o := options(filepath.Join(dir, "log"))
	o.KeepBytes = 1 << 30
	return o
}

// publishAll goes on where an earlier life has stopped: it notes a number before it publishes it, and tells again all that may not
// have been stored, as the engine does.
func publishAll(feed *cti.Feed, path string) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		panic(err)
	}
	text, _ := io.ReadAll(file)
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	for n = max(n-proofAgain, 1); n <= proofEvents; n++ {
		if _, err := file.WriteAt(fmt.Appendf(nil, "%d\n", n), 0); err != nil {
			panic(err)
		}
		feed.PublishCall(proofEvent(n))
		for s := feed.Stats(); n%100 == 0 && s.Waiting+s.Spooled > proofWaiting; s = feed.Stats() { // the spool is lost with a kill, too
			<-time.After(time.Millisecond)
		}
	}
}

func proofEvent(n int) bridge.Event {
	dn := bridge.DN(strconv.Itoa(5000 + n%proofSessions))
	this := bridge.PartyView{ID: 1, DN: dn, Number: string(dn), State: bridge.PartyRinging, Role: bridge.RoleDestination}
	return bridge.Event{
		ID: fmt.Sprintf("n1-call%d-%d", n/10, n), N: n, Kind: bridge.EventRinging, This: this, Audience: []bridge.DN{dn},
		Call: bridge.CallView{ID: "00T2B0FGGOB3D0A3GBC80H5AES000001", ConnID: 1, Parties: []bridge.PartyView{this}},
	}
}

func serve(feed *cti.Feed, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewScanner(conn)
	if !in.Scan() {
		return
	}
	dn, at, _ := strings.Cut(in.Text(), " ")
	o := cti.SubscribeOptions{Buffer: 1 << 17, Filter: func(e *cti.Event) bool { return dn == "all" || string(e.DN) == dn }}
	if o.Since, _ = cti.ParseCursor(at); o.Since.IsZero() {
		o.Since = cti.Cursor{Epoch: feed.Head().Epoch} // from the beginning
	}
	s, err := feed.Subscribe(o)
	if err != nil {
		fmt.Fprintln(conn, "error", err)
		return
	}
	defer s.Close()
	for {
		batch, err := s.Next(context.Background())
		if err != nil {
			return
		}
		out := bufio.NewWriter(conn)
		for _, e := range batch {
			fmt.Fprintln(out, e.Event.ID, e.Event.Cursor, lineEnd)
		}
		if out.Flush() != nil {
			return
		}
	}
}

// process is a life that can be killed.
type process struct {
	mu   sync.Mutex
	cmd  *exec.Cmd
	addr string
}

func (p *process) start(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lifeDir+"="+dir)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	addr, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.addr = cmd, strings.TrimSpace(addr)
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) where() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

// session reads until it has come to an event, and loses its connection now and then.
type session struct {
	dn   string
	seen []string
	last string
}

func (s *session) run(p *process, random *rand.Rand, until string, progress func(int)) error {
	for count, moved := 0, time.Now(); time.Since(moved) < 2*patience; {
		if len(s.seen) > count {
			count, moved = len(s.seen), time.Now()
		}
		conn, err := net.Dial("tcp", p.where())
		if err != nil {
			<-time.After(20 * time.Millisecond) // it is being started anew
			continue
		}
		err = s.talk(conn, 1+random.IntN(2*proofEvents/proofSessions), until, progress)
		_ = conn.Close()
		if !errors.Is(err, errAgain) {
			return err
		}
	}
	return fmt.Errorf("%s: %d events, the last was %s: %w", s.dn, len(s.seen), s.last, os.ErrDeadlineExceeded)
}

var errAgain = errors.New("not at the end")

func (s *session) talk(conn net.Conn, atMost int, until string, progress func(int)) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintln(conn, s.dn, s.last)
	lines := bufio.NewScanner(conn)
	for atMost > 0 && lines.Scan() {
		text, whole := strings.CutSuffix(lines.Text(), " "+lineEnd)
		id, cursor, _ := strings.Cut(text, " ")
		if !whole && id != "error" { // its writer was killed in the middle
			return errAgain
		}
		if id == "error" {
			if strings.Contains(cursor, cti.ErrStalled.Error()) {
				return errAgain
			}
			return fmt.Errorf("%s: %s", s.dn, cursor)
		}
		s.seen, s.last = append(s.seen, id), cursor
		progress(len(s.seen))
		if id == until {
			return nil
		}
		atMost--
	}
	return errAgain
}

// No loss, no duplicate, right order: what each session has seen is what the log has for it, whatever happened to its
// connection and to the sidecar.
func TestEverySessionSeesTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := &process{}
	p.start(t, dir)
	t.Cleanup(p.kill)
	kills := make(chan struct{}, proofKills)
	var sessions []*session
	var work sync.WaitGroup
	for i := range proofSessions + 1 {
		s, until := &session{dn: strconv.Itoa(5000 + i)}, ""
		progress := func(int) {}
		if i == proofSessions { // one who sees all, and says when it is time to kill
			s.dn = "all"
			progress = func(n int) {
				if n%(proofEvents/(proofKills+1)) == 0 && n < proofEvents {
					kills <- struct{}{}
				}
			}
		}
		for n := proofEvents; until == ""; n-- {
			if e := proofEvent(n); s.dn == "all" || string(e.This.DN) == s.dn {
				until = e.ID
			}
		}
		sessions = append(sessions, s)
		random := rand.New(rand.NewPCG(uint64(i), 7))
		work.Go(func() {
			if err := s.run(p, random, until, progress); err != nil {
				t.Error(err)
			}
		})
	}
	for range proofKills {
		select {
		case <-kills:
			p.kill()
			p.start(t, dir)
		case <-time.After(10 * patience): // the sessions fail sooner if nothing comes any more
			t.Error("the events did not come so far")
		}
	}
	work.Wait()
	p.kill()

	l, state := open(t, proofLog(dir))
	want := map[string][]string{}
	once := map[string]bool{}
	for at := uint64(0); at < state.Last; {
		batch, err := l.Read(t.Context(), at, 1000)
		require.NoError(t, err)
		require.NotEmpty(t, batch)
		for _, r := range batch {
			require.Equal(t, at+1, r.Seq)
			require.False(t, once[r.ID], r.ID)
			at, once[r.ID] = r.Seq, true
			want[string(r.DN)] = append(want[string(r.DN)], r.ID)
			want["all"] = append(want["all"], r.ID)
		}
	}
	require.Len(t, want["all"], proofEvents, "nothing is lost that is told again")
	for _, s := range sessions {
		require.Equal(t, want[s.dn], s.seen, s.dn)
	}
	t.Logf("%d events in the log, %d sessions, %d kills", state.Last, len(sessions), proofKills)
}
