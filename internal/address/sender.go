package address

import (
	"errors"
	"mime"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSenderName bounds the name of a sender, in characters.
const maxSenderName = 128

// ParseSender reads the sender of a mail: an address, or Name <address>. The name may be quoted, and may hold any
// characters: what is in the last angle brackets is the address, so that no name can replace it. The part before the @ is ASCII, since a
// sender has to be one that every server takes. Its errors are for people and do not contain the text.
func ParseSender(text string) (*mail.Address, error) {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, notMail("a control character is in it")
	}
	name, bare := "", text
	if open := strings.LastIndexByte(text, '<'); open >= 0 {
		if !strings.HasSuffix(text, ">") {
			return nil, notMail("its angle brackets do not fit")
		}
		name, bare = senderName(text[:open]), text[open+1:len(text)-1]
	}
	sender, err := ParseMail(bare)
	switch {
	case err != nil:
		return nil, err
	case !sender.ASCII():
		return nil, notMail("the part before the @ of a sender is ASCII")
	case utf8.RuneCountInString(name) > maxSenderName:
		return nil, errors.New("is not a sender: the name is too long")
	}
	return &mail.Address{Name: name, Address: sender.Plain()}, nil
}

// senderName returns the name before an address, without quotes and with encoded words read.
func senderName(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		text = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(text[1 : len(text)-1])
	}
	if read, err := new(mime.WordDecoder).DecodeHeader(text); err == nil && !strings.ContainsFunc(read, unicode.IsControl) {
		text = read
	}
	return strings.TrimSpace(strings.ToValidUTF8(text, ""))
}

// SenderText returns a sender as people write it, and as ParseSender reads it.
func SenderText(a *mail.Address) string {
	if a.Name == "" {
		return a.Address
	}
	return a.Name + " <" + a.Address + ">"
}
