package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// keyBytes is the length of every key: AES-256.
const keyBytes = 32

// A masterKey wraps data keys.
type masterKey struct {
	id   string
	aead cipher.AEAD
	raw  []byte
}

// Masters is the list of master keys. The first wraps, all unwrap.
type Masters struct{ keys []masterKey }

// ParseMasters reads master keys, each as 64 hexadecimal digits or as base64 of 32 bytes. Errors name the position of a key, never
// its value.
func ParseMasters(list []string) (*Masters, error) {
	m := &Masters{}
	for n, text := range list {
		raw, err := masterBytes(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("master key %d %w", n+1, err)
		}
		aead, err := gcm(raw)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("tabi master key id\x00"), raw...))
		id := hex.EncodeToString(sum[:4])
		if slices.ContainsFunc(m.keys, func(k masterKey) bool { return k.id == id }) {
			return nil, fmt.Errorf("master key %d is listed twice", n+1)
		}
		m.keys = append(m.keys, masterKey{id: id, aead: aead, raw: raw})
	}
	if len(m.keys) == 0 {
		return nil, errors.New("the list of master keys is empty")
	}
	return m, nil
}

func masterBytes(text string) ([]byte, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		if raw, err = base64.StdEncoding.DecodeString(text); err != nil {
			raw, err = base64.RawURLEncoding.DecodeString(text)
		}
	}
	switch {
	case err != nil:
		return nil, errors.New("is not 32 random bytes as hexadecimal digits or base64: make one with openssl rand -hex 32")
	case len(raw) != keyBytes:
		return nil, fmt.Errorf("has %d bytes instead of 32, or a character too many or too few: make one with openssl rand -hex 32",
			len(raw))
	case len(slices.Compact(slices.Sorted(slices.Values(raw)))) < 8:
		return nil, errors.New("is not random: make one with openssl rand -hex 32")
	}
	return raw, nil
}

// IDs returns the ids of the master keys, the wrapping one first. An id is made of a key's hash, and may be shown.
func (m *Masters) IDs() []string {
	ids := make([]string, len(m.keys))
	for i, k := range m.keys {
		ids[i] = k.id
	}
	return ids
}

// wrap encrypts a data key with the first master key, bound to the data key's id.
func (m *Masters) wrap(id string, data []byte) (wrapped, master string) {
	k := m.keys[0]
	return base64.StdEncoding.EncodeToString(k.aead.Seal(nil, nil, data, wrapBinding(id))), k.id
}

// unwrap decrypts a data key.
func (m *Masters) unwrap(id, wrapped, master string) ([]byte, error) {
	for _, k := range m.keys {
		if k.id != master {
			continue
		}
		sealed, err := base64.StdEncoding.DecodeString(wrapped)
		if err != nil {
			return nil, fmt.Errorf("data key %s: %w", id, err)
		}
		data, err := k.aead.Open(nil, nil, sealed, wrapBinding(id))
		if err != nil {
			return nil, fmt.Errorf("data key %s: it was changed, or is not of master key %s", id, master)
		}
		return data, nil
	}
	return nil, fmt.Errorf("data key %s is wrapped by master key %s, which TABI_MASTER_KEYS does not list (it lists %s)", id, master,
		strings.Join(m.IDs(), ", "))
}

func wrapBinding(id string) []byte { return []byte("tabi data key\x00" + id) }

// gcm returns AES-256-GCM that puts a random nonce of 12 bytes before each ciphertext.
func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
