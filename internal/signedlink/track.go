package signedlink

import (
	"cmp"
	"encoding/binary"
	"strings"
)

// Click is the content of a tracked link: where it leads, and the send it is in. Nothing of it can be read from the link.
type Click struct {
	Key  string // ledger key of the send
	Link int    // which of the message's links it is, from 0; the same address is one link
	Of   int    // how many links the message has
	URL  string // where the link leads, byte by byte
	UTM  int    // how many bytes were added to the address of the message, before its fragment; 0: none
}

const (
	click = "click v1"
	open  = "open v1"
)

// ClickPath and PixelPath are the paths of tracked links and of the pixel, before the token.
const (
	ClickPath = "/t/"
	PixelPath = "/o/"
)

// Original returns the address as it was in the message, without the parameters that were added.
func (c Click) Original() string {
	at := len(c.URL)
	if n := strings.IndexByte(c.URL, '#'); n >= 0 {
		at = n
	}
	if c.UTM <= 0 || c.UTM > at {
		return c.URL
	}
	return c.URL[:at-c.UTM] + c.URL[at:]
}

// base returns the address before the paths of tracked links.
func (l Links) base() string { return strings.TrimRight(cmp.Or(l.TrackURL, l.PublicURL), "/") }

// Click returns the tracked form of a link. It never expires: it opens for as long as its secret is in the list.
func (l Links) Click(c Click) string {
	var plain []byte
	for _, n := range []int{c.Link, c.Of, c.UTM} {
		plain = binary.AppendUvarint(plain, uint64(n))
	}
	plain = append(append(plain, pack(c.Key)...), c.URL...)
	return l.base() + ClickPath + l.Secrets.Seal(click, plain)
}

// ClickOf opens the last part of a Click URL. It fails with ErrBadToken if it is not one.
func (l Links) ClickOf(token string) (Click, error) {
	plain, err := l.Secrets.Unseal(click, token)
	if err != nil {
		return Click{}, err
	}
	var numbers [4]int // the last is the length of the key
	for i := range numbers {
		value, n := binary.Uvarint(plain)
		if n <= 0 || value > 1<<20 {
			return Click{}, ErrBadToken
		}
		numbers[i], plain = int(value), plain[n:]
	}
	if numbers[3] > len(plain) {
		return Click{}, ErrBadToken
	}
	return Click{
		Key: string(plain[:numbers[3]]), Link: numbers[0], Of: numbers[1], UTM: numbers[2], URL: string(plain[numbers[3]:]),
	}, nil
}

// Pixel returns the address of the picture that reports that the mail with a ledger key was opened.
func (l Links) Pixel(key string) string {
	return l.base() + PixelPath + l.Secrets.Seal(open, []byte(key)) + ".gif"
}

// PixelOf opens the last part of a Pixel URL, and returns the ledger key. It fails with ErrBadToken if it is not one.
func (l Links) PixelOf(name string) (key string, err error) {
	token, ok := strings.CutSuffix(name, ".gif")
	if !ok {
		return "", ErrBadToken
	}
	plain, err := l.Secrets.Unseal(open, token)
	return string(plain), err
}

// ShortClick returns the tracked form of a link whose content is stored under a code, because the sealed form would be too long.
func (l Links) ShortClick(code string) string { return l.base() + ClickPath + code }

// ShortCode returns the code of a link: the same for the same link of the same send, and not to be guessed.
func (l Links) ShortCode(c Click) string {
	_, mac := keys(l.Secrets.First(), "short link v1")
	mac.Write(binary.AppendUvarint(pack(c.Key, c.URL), uint64(c.Link)))
	return base62(mac.Sum(nil)[:shortBytes])
}

// A code of 64 bits has at most 11 characters; sealed tokens have more than 40.
const (
	shortBytes = 8
	maxCode    = 11
)

// IsShortCode reports whether the last part of a tracked link has the form of a code.
func IsShortCode(token string) bool {
	return len(token) == maxCode && strings.Trim(token, digits62) == ""
}

const digits62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// base62 writes 8 bytes as 11 digits.
func base62(raw []byte) string {
	n := binary.BigEndian.Uint64(raw)
	out := make([]byte, maxCode)
	for i := maxCode - 1; i >= 0; i-- {
		out[i], n = digits62[n%62], n/62
	}
	return string(out)
}
