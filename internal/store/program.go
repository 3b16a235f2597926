package store

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Program is a compiled revision of a journey; ErrNotFound (wrapped) where no release ever held it.
func (s *catalog) Program(ctx context.Context, revision string) (*journey.Program, error) {
	var found *packedProgram
	err := s.read(ctx, func(tx conn) error {
		var err error
		found, err = s.load(ctx, tx, revision)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found.Program, nil
}
