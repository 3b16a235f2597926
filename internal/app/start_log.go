package app

import (
	"cmp"
	"context"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// LogSettings logs what the process uses, without secrets: an operator sees a wrong database or a missing setting at once.
func (s *Services) LogSettings(ctx context.Context) {
	c := s.Config
	release, err := sqldb.Setting(ctx, s.Store.Database.Reader, "release")
	if err != nil {
		release = "unknown"
	}
	fields := []zap.Field{
		zap.String("database", c.databaseWords()), zap.String("temporal", s.temporalWords), zap.String("release", release),
		zap.String("public_url", c.PublicURL), zap.Strings("secrets", append([]string{}, c.given...)),
		zap.String("encryption", s.encryptionWords()), zap.Bool("pseudonyms", c.UsesPseudonyms()),
	}
	if names, err := c.Build.registry().Configured(c.Channels); err == nil && c.sends {
		fields = append(fields, zap.Strings("channels", names))
	}
	if c.sends {
		fields = append(fields, zap.String("track_url", cmp.Or(c.TrackURL, c.PublicURL)), zap.String("utm", c.UTM))
	}
	if c.Classifier.URL != "" {
		fields = append(fields, zap.String("classifier", hostOf(c.Classifier.URL)))
	}
	keep, err := retention.Parse(c.Retention)
	if err == nil {
		fields = append(fields, zap.Stringer("retention", keep))
	}
	s.Log.Info("settings", fields...)
	if c.serves {
		s.warnAboutKeys(ctx)
		s.logReceivers()
	}
	if s.Store.Keyring.Masters() == nil {
		s.Log.Warn("what Temporal keeps of customers is not encrypted: set TABI_MASTER_KEYS (docs/operations.md)")
	}
	if kinds := retention.Undecided(c.Retention); len(kinds) > 0 {
		s.Log.Info("nobody has decided how long to keep some data, so it is kept forever: name it in TABI_RETENTION (docs/operations.md)",
			zap.Strings("kinds", kinds))
	}
	if rel, wrong := s.Store.Catalog.Current(ctx, s.Store.Database.Reader); err == nil && wrong == nil {
		back := rel.Lookback()
		for _, text := range keep.Longer(back.Sends, back.Events) {
			s.Log.Warn("the release needs data for longer than TABI_RETENTION says: " + text)
		}
	}
	if release == "0" {
		s.Log.Warn("nothing is published in this database: tabi publish DIR makes the first release")
	}
}
