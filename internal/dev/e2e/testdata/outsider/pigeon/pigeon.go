// Package pigeon sends notes by carrier pigeon: each note is a file in the loft that PIGEON_LOFT names.
package pigeon

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/tabi-journeys/tabi/channel"
)

// Spec describes the channel to journeys.
var Spec = channel.Spec{
	Name:    "pigeon",
	Doc:     "A note on a pigeon's leg.",
	Address: "roof",
	Fields:  []channel.Field{{Name: "note", Doc: "What the pigeon carries.", Required: true}},
}

// Open opens the channel on the loft of PIGEON_LOFT.
func Open() (channel.Channel, error) {
	loft := os.Getenv("PIGEON_LOFT")
	if loft == "" {
		return nil, &channel.NotConfiguredError{Setting: "PIGEON_LOFT"}
	}
	return In(loft), nil
}

// In returns the channel on a loft.
func In(loft string) channel.Channel { return pigeons{loft} }

type pigeons struct{ loft string }

func (p pigeons) Spec() channel.Spec { return Spec }
func (p pigeons) Dedupes() bool      { return true } // a file of that key is there already
func (p pigeons) Close() error       { return nil }

func (p pigeons) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, Spec, m); bad {
		return r
	}
	note, err := os.OpenFile(Path(p.loft, m.Key), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return channel.Receipt{Outcome: channel.Sent, ProviderID: m.Key}
	case err != nil:
		return channel.Receipt{Outcome: channel.NotSent, Reason: "the loft is closed"}
	}
	_, err = note.WriteString("to " + m.Address + ": " + m.Fields["note"] + "\n")
	if err = errors.Join(err, note.Close()); err != nil {
		return channel.Receipt{Outcome: channel.Unknown, Reason: "the pigeon was seen leaving"}
	}
	return channel.Receipt{Outcome: channel.Sent, ProviderID: m.Key}
}

// Path returns the file of the note with a key.
func Path(loft, key string) string { return filepath.Join(loft, url.PathEscape(key)) }
