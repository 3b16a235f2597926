package devsinks

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// keepIn reads what was received before from a folder, and keeps there what is received from now on.
func (s *Sink) keepIn(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(
		s.mail.kept.open(filepath.Join(dir, "mail.ndjson"), func(m Mail) int { return m.ID }),
		s.push.kept.open(filepath.Join(dir, "push.ndjson"), func(p Push) int { return p.ID }),
		s.texts.kept.open(filepath.Join(dir, "sms.ndjson"), func(t Text) int { return t.ID }),
		s.chat.kept.open(filepath.Join(dir, "chat.ndjson"), func(c Chat) int { return c.ID }),
	)
}

// line is an item as a line of the file. Raw is that of a mail, which its JSON leaves out.
type line[T any] struct {
	Item T      `json:"item"`
	Raw  []byte `json:"raw,omitempty"`
}

// open reads the file, writes it again without what is beyond the bounds, and appends to it from then on. A line that
// cannot be read, such as the last one of a process that was killed, is left out.
func (b *box[T]) open(path string, id func(T) int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, err := os.Open(path)
	if err == nil {
		err = b.load(old, id)
		_ = old.Close()
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	draft := path + ".new"
	if b.file, err = os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	for _, item := range b.items {
		b.write(item)
	}
	return os.Rename(draft, path)
}

func (b *box[T]) load(r io.Reader, id func(T) int) error {
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadBytes('\n')
		if len(text) > 0 {
			var one line[T]
			if json.Unmarshal(text, &one) == nil {
				if m, ok := any(&one.Item).(*Mail); ok {
					m.Raw = one.Raw
				}
				b.put(one.Item)
				b.next = max(b.next, id(one.Item)+1)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// write appends an item to the file, if there is one. What cannot be written is still shown until the end of the process.
func (b *box[T]) write(item T) {
	if b.file == nil {
		return
	}
	one := line[T]{Item: item}
	if m, ok := any(item).(Mail); ok {
		one.Raw = m.Raw
	}
	if text, err := json.Marshal(one); err == nil {
		_, _ = b.file.Write(append(text, '\n'))
	}
}

func (b *box[T]) end() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return nil
	}
	file := b.file
	b.file = nil
	return file.Close()
}
