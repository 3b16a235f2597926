package app

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// MaxFile bounds what is read of a journey file, in bytes. It is more than lint allows, so that lint reports a file that
// is too large together with all other problems.
const MaxFile = 4 << 20

// ReadFolder reads all files of a journeys folder that lint reads, sorted by name. It skips folders and files whose name begins
// with a dot.
func ReadFolder(dir string) ([]lint.File, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, Usage("cannot read %s: %w", dir, errors.Unwrap(err))
	}
	if !info.IsDir() {
		return nil, Usage("%s is not a folder", dir)
	}
	root := filepath.ToSlash(filepath.Clean(dir))
	var files []lint.File
	top := filepath.Clean(dir) + string(filepath.Separator) // which leads through a link
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != top {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !lint.IsSource(filepath.ToSlash(path)) {
			return nil
		}
		data, err := readFile(path)
		if err != nil {
			return err
		}
		files = append(files, lint.File{Root: root, Name: filepath.ToSlash(filepath.Clean(path)), Data: data})
		return nil
	})
	if err != nil {
		var wrong *ExitError
		if errors.As(err, &wrong) {
			return nil, err
		}
		return nil, Usage("cannot read %s: %w", dir, err)
	}
	slices.SortFunc(files, func(a, b lint.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would never end
		return nil, Usage("cannot read %s: it is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, MaxFile))
}

// Fingerprint returns a hash of the names and the content of files.
func Fingerprint(files []lint.File) string {
	h := sha256.New()
	for _, f := range files {
		_, _ = fmt.Fprintf(h, "%q %d\n", f.Name, len(f.Data))
		_, _ = h.Write(f.Data)
	}
	return string(h.Sum(nil))
}

// FolderOf returns the journeys folder of a file: the parent of messages/ or actions/, otherwise the file's own folder.
func FolderOf(path string) string {
	dir := filepath.Dir(filepath.Clean(path))
	for at := dir; lint.IsPart(filepath.ToSlash(filepath.Join(at, "x"))); at = filepath.Dir(at) {
		if base := filepath.Base(at); base == "_layouts" || base == "_blocks" {
			dir = filepath.Dir(at)
		}
	}
	if base := filepath.Base(dir); base == "messages" || base == "actions" {
		return filepath.Dir(dir)
	}
	return dir
}
