package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/bounce"
)

// maildir is the path of a Maildir: its folder new has what was not looked at, and cur what was.
type maildir string

// mails returns the files of mails that are not flagged, at most limit of them.
func (d maildir) mails(limit int) (paths []string, more bool, err error) {
	for _, folder := range []string{"new", "cur"} {
		list, err := os.ReadDir(filepath.Join(string(d), folder))
		if err != nil {
			return nil, false, fmt.Errorf("it is no Maildir: %w", err)
		}
		for _, one := range list {
			_, flags, _ := strings.Cut(one.Name(), ":2,")
			switch {
			case strings.HasPrefix(one.Name(), "."), !one.Type().IsRegular(), strings.ContainsAny(flags, "FT"):
			case len(paths) == limit:
				return paths, true, nil
			default:
				paths = append(paths, filepath.Join(string(d), folder, one.Name()))
			}
		}
	}
	return paths, false, nil
}

func (d maildir) try(context.Context) (int, error) {
	paths, _, err := d.mails(1 << 20)
	return len(paths), err
}

func (d maildir) read(ctx context.Context, accept Accept, log *zap.Logger) (more bool, err error) {
	paths, more, err := d.mails(page)
	if err != nil {
		return false, err
	}
	for _, path := range paths {
		raw, err := head(path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // a mail program has moved it
			continue
		case err != nil:
			return false, err
		}
		refused, err := accept(ctx, raw)
		switch {
		case err != nil:
			return false, err
		case refused == "":
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
			continue
		}
		name, flags, _ := strings.Cut(filepath.Base(path), ":2,")
		log.Warn("a mail in the bounce mailbox is of no use; it is kept there, flagged", zap.String("file", name),
			zap.String("reason", refused))
		kept := filepath.Join(string(d), "cur", name+":2,F"+strings.ReplaceAll(flags, "F", ""))
		if err := os.Rename(path, kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return more, nil
}

// head returns the beginning of a file.
func head(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, bounce.MaxMail))
}
