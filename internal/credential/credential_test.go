package credential_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/credential"
)

func TestWeak(t *testing.T) {
	t.Parallel()
	for _, weak := range []string{
		"", "short", "aaaaaaaaaaaaaaaa", "abababababababababab", "abcabcabcabcabcabcabc", "0123456789abcdef", "fedcba9876543210x",
		"changeme-changeme", "CHANGE-ME-CHANGE-ME", "server-key-0123456789", "my-example-secret-7", "your-secret-is-here",
		"passwordpassword1",
		"tabi-7f3k9q2m-tabi-7f3k9q2m-", "chaos-chaos-chaos-chaos", "1111111111111112222222", "xxxxxxxxxxxxxxxxyz12",
	} {
		if err := credential.Weak(weak); err == nil || weak != "" && strings.Contains(err.Error(), weak) {
			t.Errorf("%q: %v", weak, err)
		}
	}
	for range 2000 {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw)
		for _, good := range []string{hex.EncodeToString(raw), hex.EncodeToString(raw[:12]), base64.StdEncoding.EncodeToString(raw)} {
			if err := credential.Weak(good); err != nil {
				t.Errorf("%s: %v", good, err)
			}
		}
	}
}

func TestSharedValues(t *testing.T) {
	t.Parallel()
	const one, two = "k3v9-q8m2-x7p4-w1z6", "b5n8-r2t7-y4h9-d3f6"
	got := credential.Check([]credential.Named{
		{
			Setting: "A",
			Value:   one,
		}, {Setting: "B", Value: two}, {Setting: "C", Value: one}, {Setting: "D", Value: "weak"}, {Setting: "E", Value: two},
		{Setting: "F", Value: "public", Lenient: true}, {Setting: "G", Value: one, Lenient: true}, {Setting: "A", Value: one},
	}, []string{"B", "E"})
	var text []string
	for _, err := range got {
		text = append(text, err.Error())
		if strings.Contains(err.Error(), one) || strings.Contains(err.Error(), two) {
			t.Errorf("a secret is printed: %v", err)
		}
	}
	all := strings.Join(text, "\n")
	for _, want := range []string{"A and C have", "D: a value has 4 bytes", "A and G have", "A has the same value twice"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing from\n%s", want, all)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d problems:\n%s", len(got), all)
	}
}

// No value that stands in a document or a sample of this repository can be used as it is.
func TestSamplesAreWeak(t *testing.T) {
	t.Parallel()
	assignment := regexp.MustCompile(
		`(?m)(?:TABI_SECRET|TABI_LINK_SECRETS|TABI_MASTER_KEYS|TABI_TOKEN|TABI_WRITE_KEY)[=:] *["']?([^\s"'|&;` + "`" + `]+)`,
	)
	bearer := regexp.MustCompile(`Bearer ([A-Za-z0-9_./+-]{8,})`)
	count := 0
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md", "deploy/*", "deploy/*/*"} {
		files, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // a folder
			}
			for _, re := range []*regexp.Regexp{assignment, bearer} {
				for _, m := range re.FindAllStringSubmatch(string(text), -1) {
					value := m[1]
					if strings.ContainsAny(value, "$<{@(") || value == strings.ToUpper(value) && len(value) < credential.Least ||
						value == "…" {
						continue // put in by a shell, or a word for one
					}
					count++
					if credential.Weak(value) == nil {
						t.Errorf("%s has %q, which a process takes as a good secret", file, value)
					}
				}
			}
		}
	}
	if count == 0 {
		t.Error("no sample was found: the test looks for the wrong thing")
	}
}
