package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway/payloads"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// masterKeyFile has the master key that dev has made, in the data folder.
const masterKeyFile = "master-key"

// masters returns the master keys; nil: what Temporal keeps is not encrypted. A data folder that dev has used has a key of its own.
func (c *Config) masters() (*keyring.Masters, error) {
	if strings.TrimSpace(string(c.MasterKeys)) == "" {
		if c.Postgres() || c.DataDir == "" {
			return nil, nil
		}
		text, err := os.ReadFile(filepath.Join(c.DataDir, masterKeyFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("master key: %w", err)
		}
		m, err := keyring.ParseMasters([]string{string(text)})
		if err != nil {
			return nil, Usage("%s in the data folder: %w", masterKeyFile, err)
		}
		return m, nil
	}
	list, err := items("TABI_MASTER_KEYS", string(c.MasterKeys))
	if err != nil {
		return nil, err
	}
	m, err := keyring.ParseMasters(list)
	if err != nil {
		return nil, Usage("TABI_MASTER_KEYS: %w", err)
	}
	return m, nil
}

// MakeMasterKey makes sure that a data folder has a master key.
func (c *Config) MakeMasterKey() error {
	m, err := c.masters()
	if m != nil || err != nil || c.Postgres() {
		return err
	}
	_, err = signedlink.MakeSecret(filepath.Join(c.DataDir, masterKeyFile))
	return err
}

// UsesPseudonyms reports whether workflow ids name customers by pseudonyms.
func (c *Config) UsesPseudonyms() bool { return c.Pseudonyms == "on" }

func (c *Config) checkPseudonyms() error {
	switch c.Pseudonyms {
	case "", "off":
		return nil
	case "on":
	default:
		return Usage("--pseudonyms (TABI_PSEUDONYMS) is %q: give on or off", c.Pseudonyms)
	}
	if m, err := c.masters(); m != nil || err != nil {
		return err
	}
	return Usage("TABI_PSEUDONYMS=on needs TABI_MASTER_KEYS: without encryption the inputs of workflows name the customer anyway")
}

// useKeys gives the store its master keys, and refuses to start without one that is in use: runs could not go on.
func (c *Config) useKeys(ctx context.Context, st *engine.Engine) error {
	m, err := c.masters()
	if err != nil {
		return err
	}
	used, err := st.Keyring.MastersInUse(ctx)
	if err != nil {
		return err
	}
	var known []string
	if m != nil {
		known = m.IDs()
		st.Keyring.Use(m)
	}
	c.keys = st.Keyring
	for _, id := range used {
		if !slices.Contains(known, id) {
			lists := "is not set"
			if len(known) > 0 {
				lists = "lists " + strings.Join(known, ", ")
			}
			return Usage("what Temporal keeps is encrypted by keys that the master key %s wraps, and TABI_MASTER_KEYS %s. Add that key, "+
				"also after a new one (`tabi masterkey rewrap` wraps the keys by the first of the list), or correct the one with a typo: "+
				"an id is the beginning of a key's hash. Without it nothing that was encrypted can be read", id, lists)
		}
	}
	return nil
}

// queuesInClear returns the task queues of workers that cannot decrypt.
func (c *Config) queuesInClear() []string {
	var out []string
	for queue := range strings.SplitSeq(c.ClearQueues, ",") {
		if queue = strings.TrimSpace(queue); queue != "" {
			out = append(out, queue)
		}
	}
	return out
}

// useCodec makes a client encrypt and decrypt: with the keys of the database, or by a gateway.
func (c *Config) useCodec(opts *client.Options) {
	switch {
	case c.keys != nil:
		c.codec = codec.New(c.keys, opts.Namespace, c.queuesInClear())
		c.codec.Apply(opts)
	case c.remote != nil:
		c.remote.Namespace = opts.Namespace
		opts.DataConverter = converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), c.remote)
	}
}

// DecryptBy makes the clients of this process decrypt by a gateway, with the token of whoever calls.
func (c *Config) DecryptBy(r *codec.Remote) { c.remote = r }

// workerClient returns the client for workers: one that may fail workflow tasks. The caller closes it.
func (s *Services) workerClient(ctx context.Context) (client.Client, error) {
	opts := s.options
	s.Config.codec.ApplyToWorker(&opts)
	return client.NewClientFromExistingWithContext(ctx, s.Temporal, opts)
}

// encryptionWords says for the log whether what Temporal keeps is encrypted.
func (s *Services) encryptionWords() string {
	m := s.Store.Keyring.Masters()
	if m == nil {
		return "off"
	}
	return "on, master keys " + strings.Join(m.IDs(), ", ")
}

// payloadCodec returns the codec for the gateway's codec server; nil: nothing is encrypted.
func (s *Services) payloadCodec() payloads.Codec {
	if s.Store.Keyring.Masters() == nil {
		return nil
	}
	return s.Config.codec
}

// Decrypter returns what decrypts payloads of a namespace for a command that reads histories: the keys of the database, by
// TABI_MASTER_KEYS and TABI_DATABASE or the data folder of a dev; or else the gateway. The caller calls done at the end.
func Decrypter(ctx context.Context, log *zap.Logger, dataDir, namespace string, gateway *codec.Remote) (c converter.PayloadCodec,
	done func(), err error,
) {
	var cfg Config
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	cfg.Register(fs, Storage)
	if err := cfg.Load(fs, os.LookupEnv); err != nil {
		return nil, nil, err
	}
	if dataDir != "" {
		cfg.DataDir = dataDir
	}
	m, err := cfg.masters()
	if err != nil {
		return nil, nil, err
	}
	if m == nil {
		gateway.Namespace = namespace
		return gateway, func() {}, nil
	}
	keys, db, err := cfg.OpenKeys(ctx, log)
	if err != nil {
		return nil, nil, err
	}
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	return codec.New(keys, namespace, nil), func() { _ = db.Close() }, nil
}

// OpenKeys opens the keys of the database, and the database, which the caller closes.
func (c *Config) OpenKeys(ctx context.Context, log *zap.Logger) (keys *keyring.Room, db *sqldb.Database, err error) {
	m, err := c.masters()
	if err != nil {
		return nil, nil, err
	}
	if db, err = c.OpenDatabase(ctx, log); err != nil {
		return nil, nil, err
	}
	keys = keyring.New(db)
	keys.Use(m)
	return keys, db, nil
}
