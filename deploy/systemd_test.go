package deploy_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// systemd returns what systemd-analyze says. Without it the test is skipped: it says nothing about machines that have none.
func systemd(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip(err)
	}
	out, _ := exec.Command("systemd-analyze", args...).CombinedOutput()
	return string(out)
}

// instance lays out the units as /etc/systemd/system has them, with one process of tabi@.service, and returns the path of its unit.
func instance(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	unit := strings.ReplaceAll(string(deployFile(t, "systemd/tabi@.service")), "/srv/tabi/tabi/deploy", absolute(t, "."))
	write(t, filepath.Join(dir, "tabi@.service"), unit)
	drops, err := filepath.Glob("systemd/tabi@" + name + ".service.d/*.conf")
	if err != nil || len(drops) == 0 {
		t.Fatalf("%s has no settings of its own: %v", name, err)
	}
	for _, drop := range drops {
		write(t, filepath.Join(dir, "tabi@"+name+".service.d", filepath.Base(drop)), string(deployFile(t, drop)))
	}
	return filepath.Join(dir, "tabi@"+name+".service")
}

// processes of docs/install.md, and the secrets that each may read.
var processes = map[string][]string{
	"postgres": nil,
	"temporal": {"temporal_db_password"},
	"provider": {"oidc_client_secret"},
	"gateway":  {"database_url", "link_secrets", "master_keys", "oidc_client_secret", "secret"},
	"worker":   {"database_url", "link_secrets", "master_keys"},
}

var credential = regexp.MustCompile(`(?m)^LoadCredential=(\w+):/srv/tabi/secrets/(\w+)$`)

// systemd understands the units, and each process reads its own secrets alone.
func TestUnits(t *testing.T) {
	t.Parallel()
	for name, want := range processes {
		unit := instance(t, name)
		if said := systemd(t, "verify", "--man=no", unit); said != "" {
			t.Errorf("%s: %s", name, said)
		}
		var got []string
		for _, m := range credential.FindAllStringSubmatch(string(deployFile(t, "systemd/tabi@"+name+".service.d/"+name+".conf")), -1) {
			if m[1] != m[2] {
				t.Errorf("%s: the credential %s is the file %s", name, m[1], m[2])
			}
			got = append(got, m[1])
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s reads %v, want %v", name, got, want)
		}
	}
	backup := filepath.Join(t.TempDir(), "tabi-backup.service")
	write(t, backup, strings.ReplaceAll(string(deployFile(t, "systemd/tabi-backup.service")), "/srv/tabi/tabi/deploy", absolute(t, ".")))
	if said := systemd(t, "verify", "--man=no", backup); said != "" {
		t.Errorf("the backup: %s", said)
	}
}

// What a process could do to the machine is bounded: by systemd's own measure, 10 is everything and 2.5 what it calls OK.
func TestUnitsAreBounded(t *testing.T) {
	t.Parallel()
	level := regexp.MustCompile(`Overall exposure level for \S+: ([\d.]+)`)
	for _, unit := range []string{"tabi@.service", "tabi-backup.service"} {
		said := systemd(t, "security", "--offline=true", "--no-pager", filepath.Join("systemd", unit))
		m := level.FindStringSubmatch(said)
		if m == nil {
			t.Fatalf("%s: %s", unit, said)
		}
		if got, err := strconv.ParseFloat(m[1], 64); err != nil || got > 2.5 {
			t.Errorf("%s is exposed by %s:\n%s", unit, m[1], said)
		}
	}
}
