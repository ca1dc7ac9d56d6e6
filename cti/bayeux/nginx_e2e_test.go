//go:build e2e

package bayeux_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sidecar/cti/bayeux"
)

const nginxConf = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr warn;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    gzip on;
    gzip_types application/json;
    gzip_proxied any;
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server {
        listen %[2]s;
        location / {
            proxy_pass http://%[3]s;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_buffering %[4]s;
        }
    }
}
`

// behindNginx puts a real nginx in front of a site and returns its address.
func behindNginx(t *testing.T, s *site, buffering string) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx" // not everybody's PATH has it
	}
	require.FileExists(t, nginx, "nginx is needed: apt-get install nginx-light")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, addr, s.addr, buffering), 0o600))
	cmd := exec.CommandContext(t.Context(), nginx, "-p", dir, "-e", "stderr", "-c", conf)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, waitLimit, 20*time.Millisecond, "nginx doesn't listen")
	return addr
}

// TestNginx72: nginx with and without buffering of responses, compression and the timeouts that it comes with, in front of
// both transports. The server restarts behind it.
func TestNginx72(t *testing.T) {
	t.Parallel()
	for _, buffering := range []string{"on", "off"} {
		for _, transport := range []string{"long-polling", "websocket"} {
			t.Run("buffering "+buffering+"/"+transport, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, bayeux.Options{WebSocket: true})
				addr := behindNginx(t, s, buffering)
				l := run(t, "listen.mjs", addr, "5", "--token", "anna", "--auth", "cookie", "--transport", transport,
					"--channels", "/user/agent/events,/call/state")
				l.subscribed()
				s.settled(transport)
				for range 3 {
					exchangeEvents(t, s, l, 2)
					s.settled(transport)
				}
				exchangeEvents(t, s, l, 200)
				s.restart()
				l.expect("connect", false)
				l.subscribed()
				exchangeEvents(t, s, l, 20)
				l.say("disconnect")
				l.expect("disconnect", true)
				require.Zero(t, l.exit())
			})
		}
	}
}
