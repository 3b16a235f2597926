package e2e

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// bounce starts PgBouncer in transaction mode before a database, with fewer connections than the processes open, and returns the
// database's URL by it.
func bounce(t *testing.T, database string, connections int) string {
	t.Helper()
	binary := "/usr/sbin/pgbouncer"
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pgbouncer is not installed")
		}
		t.Skip("pgbouncer is not installed (apt-get install pgbouncer)")
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), freePort()
	password, _ := u.User.Password()
	if password == "" {
		password = "none" // the server asks for none, and PgBouncer takes no empty one
	}
	name := strings.TrimPrefix(u.Path, "/")
	ini := fmt.Sprintf(`[databases]
%s = host=%s port=%s dbname=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 200
`, name, u.Hostname(), u.Port(), name, u.User.Username(), password, port, connections)
	path := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(path, []byte(ini), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{path}
	if me, err := user.Current(); err == nil && me.Uid == "0" { // it refuses to run as root
		for folder := dir; folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
			if err := exec.Command("chmod", "a+x", folder).Run(); err != nil {
				t.Fatal(err)
			}
		}
		args = append([]string{"-u", "nobody"}, args...)
	}
	p, err := launch(dir, nil, binary, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	await(t, "PgBouncer", func() error {
		c, err := net.Dial("tcp", local(port))
		if err != nil {
			return fmt.Errorf("%w; it said: %s", err, p.out.String())
		}
		return c.Close()
	})
	u.Host = local(port)
	q := u.Query()
	q.Set("default_query_exec_mode", "cache_describe")
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}

// Behind PgBouncer in transaction mode every transaction may run on another connection: journeys are entered, answered and ended,
// while both processes have more connections than the server.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	in := newInstall(t, folder(map[string]string{"nudge.yaml": nudge}))
	in.env = append(in.env, "TABI_DB_CONNECTIONS=8")
	in.deploy(bounce(t, pgtest.URL(t), 5))
	all := names("pool")
	in.enter(all)
	in.once(all)
	for _, name := range []string{"serve", "worker"} {
		for _, trouble := range []string{"prepared statement", "SQLSTATE", "unsupported startup"} {
			if out := in.procs[name].out.String(); strings.Contains(out, trouble) {
				t.Errorf("%s has trouble with the pooler: %s", name, out)
			}
		}
	}
}
