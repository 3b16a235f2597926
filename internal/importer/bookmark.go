package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tabi-journeys/tabi/internal/app"
)

// Bookmark remembers how far a file was acknowledged by a gateway.
type Bookmark struct {
	path string
	File string `json:"file"` // fingerprint: size and first bytes
	URL  string `json:"url"`
	Line int    `json:"line"` // the last line that was acknowledged, from 1
}

// fingerprintBytes is the length of a file's beginning that distinguishes it from others, in bytes.
const fingerprintBytes = 64 << 10

// BookmarkPath returns where the bookmark of a file is stored: next to the file, or in the working folder where that cannot be written.
func BookmarkPath(file string) string {
	path := file + ".tabi-state"
	probe, err := os.CreateTemp(filepath.Dir(file), ".tabi-*")
	if err != nil {
		return filepath.Base(path)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return path
}

// OpenBookmark reads the bookmark at path; one of another file or gateway starts at the beginning.
func OpenBookmark(path, file, url string, startOver bool) (*Bookmark, error) {
	print, err := fingerprint(file)
	if err != nil {
		return nil, app.Usage("cannot read %s: %w", file, err)
	}
	fresh := &Bookmark{path: path, File: print, URL: url}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || startOver {
		return fresh, nil
	}
	if err != nil {
		return nil, app.Usage("cannot read %s: %w; give another file with --state", path, err)
	}
	var had Bookmark
	if err := json.Unmarshal(data, &had); err != nil {
		return nil, app.Usage("%s does not say how far it went: %w; delete it, or give another file with --state", path, err)
	}
	if had.File != fresh.File || had.URL != fresh.URL || had.Line < 0 {
		return fresh, nil
	}
	fresh.Line = had.Line
	return fresh, nil
}

func fingerprint(file string) (string, error) {
	info, err := os.Stat(file) // before it is opened: to open a pipe waits for its writer
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a file")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.CopyN(h, f, fingerprintBytes); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	size, _ := json.Marshal(info.Size())
	_, _ = h.Write(size)
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// move writes that everything up to a line is acknowledged.
func (b *Bookmark) move(line int) error {
	b.Line = line
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	draft := b.path + ".new"
	if err := os.WriteFile(draft, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, b.path)
}

// remove forgets: all of it is acknowledged.
func (b *Bookmark) remove() error {
	if err := os.Remove(b.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// messageID names a call that has no id of its own after its place, so that sending it twice counts once.
func (b *Bookmark) messageID(line int, raw []byte) string {
	h := sha256.New()
	_, _ = h.Write([]byte(b.File))
	n, _ := json.Marshal(line)
	_, _ = h.Write(n)
	_, _ = h.Write(bytes.TrimSpace(raw))
	return "line-" + hex.EncodeToString(h.Sum(nil)[:16])
}
