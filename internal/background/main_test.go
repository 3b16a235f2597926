package background

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }
