package catalog

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Program returns a compiled revision of a journey. The error wraps ErrNotFound if no release ever contained it.
func (s *Catalog) Program(ctx context.Context, revision string) (*journey.Program, error) {
	var found *PackedProgram
	err := s.Read(ctx, func(tx sqldb.Conn) error {
		var err error
		found, err = s.Load(ctx, tx, revision)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found.Program, nil
}
