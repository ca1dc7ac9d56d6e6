package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on (proc(5), sysconf(3)).
const tick = 10 * time.Millisecond

var errFormat = errors.New("unknown format")

// CPU is what a process has used so far, in user and system mode, all threads together.
func CPU(pid int) (time.Duration, error) {
	data, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return 0, fmt.Errorf("CPU time: %w", err)
	}
	return parseStat(string(data))
}

// parseStat reads fields 14 and 15. The second field is the program's name and may hold anything, blanks too.
func parseStat(text string) (time.Duration, error) {
	_, rest, ok := cutLast(text, ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("CPU time: %w of /proc/PID/stat: %q", errFormat, text)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time: %w of /proc/PID/stat: %w", errFormat, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// Busy is what all processes of the machine have used so far.
func Busy() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("CPU time of the machine: %w", err)
	}
	return parseBusy(string(data))
}

// parseBusy adds up user, nice, system, irq and softirq time (proc(5)): neither idle nor stolen by other machines.
func parseBusy(text string) (time.Duration, error) {
	fields := strings.Fields(text)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("CPU time of the machine: %w of /proc/stat", errFormat)
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time of the machine: %w of /proc/stat: %w", errFormat, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// RSS is the memory that a process has in RAM, in KiB.
func RSS(pid int) (int, error) {
	data, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return 0, fmt.Errorf("memory: %w", err)
	}
	return parseRSS(string(data))
}

func parseRSS(text string) (int, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				return 0, fmt.Errorf("memory: %w of VmRSS: %w", errFormat, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("memory: %w of /proc/PID/status: no VmRSS", errFormat)
}

// Drops is how many datagrams did not fit into the receive buffers of the UDP sockets that a process has open now.
func Drops(pid int) (uint64, error) {
	links, err := filepath.Glob(procFile(pid, "fd/*"))
	if err != nil {
		return 0, fmt.Errorf("dropped datagrams: %w", err)
	}
	own := map[string]bool{}
	for _, link := range links {
		if to, errLink := os.Readlink(link); errLink == nil {
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var sum uint64
	for _, name := range []string{"net/udp", "net/udp6"} {
		data, err := os.ReadFile(procFile(pid, name))
		if err != nil {
			return 0, fmt.Errorf("dropped datagrams: %w", err)
		}
		sum += sumDrops(string(data), own)
	}
	return sum, nil
}

// sumDrops reads the inode, field 10, and the drops, the last field, of each socket.
func sumDrops(text string, own map[string]bool) uint64 {
	var sum uint64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 13 || !own[fields[9]] {
			continue
		}
		if n, err := strconv.ParseUint(fields[len(fields)-1], 10, 64); err == nil {
			sum += n
		}
	}
	return sum
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// Goroutines asks a target's Prometheus metrics.
func Goroutines(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, fmt.Errorf("goroutines: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("goroutines: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("goroutines: %w: %s says %s", errFormat, url, res.Status)
	}
	return parseGoroutines(res.Body)
}

func parseGoroutines(r io.Reader) (int, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(rest))
			if err != nil {
				return 0, fmt.Errorf("goroutines: %w: %w", errFormat, err)
			}
			return n, nil
		}
	}
	return 0, errors.Join(fmt.Errorf("goroutines: %w: no go_goroutines among the metrics", errFormat), lines.Err())
}
