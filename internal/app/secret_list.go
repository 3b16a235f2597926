package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// The secrets of an installation are two lists (docs/decisions/0028):
//
//   - TABI_SECRET seals what lives for hours or days: user tokens, sign-ins, what is stored sealed. Only gateways need it.
//   - TABI_LINK_SECRETS seals the links in mails, which must open for years. Without it the list of TABI_SECRET does both.
//
// The key of a use is derived from a secret and the name of the use, so one secret in both lists is safe. That is how a leaked
// TABI_SECRET is replaced without breaking a link: it moves into TABI_LINK_SECRETS, behind a new one. Links that somebody forges
// with it end marketing to a customer, and can do nothing else.

// SealSecrets returns the secrets of TABI_SECRET. If none is set and the database is SQLite, it creates one and stores it in the data
// folder, readable by its owner only.
func (c *Config) SealSecrets() (signedlink.Secrets, error) {
	if c.Secret != "" {
		return secretList("TABI_SECRET", c.Secret)
	}
	if c.Postgres() {
		return signedlink.Secrets{}, Usage("there is no secret: set TABI_SECRET, the same for every process (openssl rand -hex 32)")
	}
	path := filepath.Join(c.DataDir, "secret")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = signedlink.MakeSecret(path)
	}
	if err != nil {
		return signedlink.Secrets{}, fmt.Errorf("secret: %w", err)
	}
	if data = []byte(strings.TrimSpace(string(data))); len(data) < signedlink.MinSecret {
		return signedlink.Secrets{}, Usage(
			"the secret in %s has %d bytes: delete the file to get a new one (links already sent stop working)",
			path,
			len(data),
		)
	}
	return signedlink.NewSecrets(data)
}

// AllSecrets returns the secrets that seal, and those for links. A process that serves no HTTP may have no secrets that seal.
func (c *Config) AllSecrets() (seal, links signedlink.Secrets, err error) {
	if c.LinkSecretList == "" {
		seal, err = c.SealSecrets()
		return seal, seal, err
	}
	if links, err = secretList("TABI_LINK_SECRETS", c.LinkSecretList); err != nil {
		return seal, links, err
	}
	if c.Secret == "" && c.Postgres() && !c.serves {
		return seal, links, nil
	}
	seal, err = c.SealSecrets()
	return seal, links, err
}

// secretList reads the secrets of a setting: separated by commas, or one per line of a file.
func secretList(name string, text Secret) (signedlink.Secrets, error) {
	list, err := items(name, string(text))
	if err != nil {
		return signedlink.Secrets{}, err
	}
	values := make([][]byte, len(list))
	for i, one := range list {
		values[i] = []byte(strings.TrimSpace(one))
	}
	out, err := signedlink.NewSecrets(values...)
	if err != nil {
		return out, Usage("%s: %w", name, err)
	}
	return out, nil
}

// Settings of the database with the check values of the secrets that the installation uses to seal.
const (
	sealCheck = "secret_check"
	linkCheck = "link_secret_check"
)

// secretCheck returns a value that two secrets share only if they are equal. It does not help to find the secret: that has at
// least 16 bytes.
func secretCheck(secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("tabi: is this the installation's secret?"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// CheckSecrets makes sure that this process can open what the others have sealed: the secret by which the process that started last
// seals is in its list. Then its own first secret becomes the known one. So a new secret is put first in one process after the
// other, and a process that lacks it does not start.
func (c *Config) CheckSecrets(ctx context.Context, st *engine.Engine, seal, links signedlink.Secrets) error {
	if !seal.Empty() {
		if err := checkSecretList(ctx, st, sealCheck, seal, c.ChangeSecret); err != nil {
			return fmt.Errorf("%w. To replace a secret, put the new one in front of it: TABI_SECRET=NEW,OLD. To drop it on purpose, as "+
				"after a leak, stop all processes, keep it in TABI_LINK_SECRETS if links were made with it, and start one gateway with "+
				"--change-secret: user tokens of before stop working, and web keys need a new proof secret", err)
		}
	}
	if err := checkSecretList(ctx, st, linkCheck, links, c.ChangeLinkSecrets); err != nil {
		return fmt.Errorf("%w. Put it into TABI_LINK_SECRETS, behind the one that new links are made with. Without it the unsubscribe "+
			"links in mails that were sent are dead; --change-link-secrets accepts that", err)
	}
	return nil
}

func checkSecretList(ctx context.Context, st *engine.Engine, key string, list signedlink.Secrets, change bool) error {
	known, found := "", false
	err := st.Database.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) (err error) {
		if known, err = sqldb.Setting(ctx, tx, key); err != nil {
			return err
		}
		found = known == "" || change
		list.Each(func(value []byte) { found = found || hmac.Equal([]byte(secretCheck(value)), []byte(known)) })
		own := secretCheck(list.First())
		if !found || known == own {
			return nil
		}
		if err := sqldb.SetSetting(ctx, tx, key, own); err != nil || known == "" {
			return err
		}
		return audit.Add(ctx, tx, audit.Entry{
			Who: audit.Self, Door: audit.Automatic, What: "secret.change", Kind: "setting", ID: key,
			Detail: audit.Detail{"by": Whoami(), "forced": strconv.FormatBool(change)},
		})
	})
	switch {
	case err != nil || found:
		return err
	case key == sealCheck:
		return Usage("TABI_SECRET lacks the secret by which this installation seals: every gateway and worker needs it")
	}
	return Usage("the secret by which this installation makes links is neither in TABI_LINK_SECRETS nor in TABI_SECRET")
}
