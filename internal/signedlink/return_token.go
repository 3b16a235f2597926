package signedlink

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"github.com/oklog/ulid/v2"
)

// Anybody can write a mail that looks like a bounce. What a bounce is about is believed by a signature that only the mail
// itself carried: in its Message-ID, and in the address that it says to return it to (VERP). See docs/decisions/0048.

// Purposes of the signatures.
const (
	messageProof = "message id v1"
	returnProof  = "return path v1"
)

const (
	proofSize = 10 // bytes of a signature: 80 bits, of which nobody tries out many by mail
	whichSize = 4  // bytes by which a token tells the sends of one enrollment from each other
	// ReturnTokenSize is the length of a token, in characters. A local part has at most 64.
	ReturnTokenSize = 48
)

// MessageID returns MessageID with a signature. The zero Secrets return it without one.
func (s Secrets) MessageID(key, domain string) string {
	id := MessageID(key, domain)
	if s.Empty() {
		return id
	}
	name, _, _ := strings.Cut(id, "@")
	return name + "." + lower(sign(s.First(), messageProof, []byte(key))) + "@" + domain
}

// SignedKey returns the ledger key in a Message-ID; false if it carries no signature by one of the secrets.
func (s Secrets) SignedKey(id string) (key string, ok bool) {
	key, ok = MessageKey(id)
	name, _, _ := strings.Cut(strings.Trim(id, "<> "), "@")
	_, signature, signed := strings.Cut(name, ".")
	given, err := local.DecodeString(strings.ToUpper(signature))
	if !ok || !signed || err != nil {
		return "", false
	}
	return key, s.made(given, messageProof, []byte(key))
}

// ReturnToken returns a signed token for the local part of the address that a mail with this ledger key is returned to: digits and
// lower-case letters, ReturnTokenSize of them. A key that is not of an enrollment has none.
func (s Secrets) ReturnToken(key string) (token string, ok bool) {
	enrollment, _, _ := strings.Cut(key, "/")
	id, err := ulid.ParseStrict(enrollment)
	if s.Empty() || err != nil || id.String() != enrollment {
		return "", false
	}
	plain := append(id[:], which(key)...)
	return lower(append(plain, sign(s.First(), returnProof, plain)...)), true
}

// Returned is what a return token says.
type Returned struct {
	Enrollment string
	which      []byte
}

// Is reports whether a send of the enrollment is the one that was returned.
func (r Returned) Is(key string) bool { return bytes.Equal(which(key), r.which) }

// Returned opens the token that an address has at the end of its local part; false if none of the secrets made it.
func (s Secrets) Returned(address string) (Returned, bool) {
	name, _, _ := strings.Cut(address, "@")
	if len(name) < ReturnTokenSize {
		return Returned{}, false
	}
	raw, err := local.DecodeString(strings.ToUpper(name[len(name)-ReturnTokenSize:]))
	if err != nil {
		return Returned{}, false
	}
	plain, signature := raw[:len(raw)-proofSize], raw[len(raw)-proofSize:]
	id := ulid.ULID(plain[:16])
	return Returned{Enrollment: id.String(), which: plain[16:]}, s.made(signature, returnProof, plain)
}

// made reports whether one of the secrets made a signature.
func (s Secrets) made(signature []byte, purpose string, plain []byte) (ok bool) {
	s.Each(func(secret []byte) { ok = ok || hmac.Equal(signature, sign(secret, purpose, plain)) })
	return ok
}

func sign(secret []byte, purpose string, plain []byte) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "tabi "+purpose, sha256.Size)
	if err != nil {
		panic(err) // only for other lengths
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(plain)
	return mac.Sum(nil)[:proofSize]
}

func which(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:whichSize]
}

func lower(raw []byte) string { return strings.ToLower(local.EncodeToString(raw)) }
