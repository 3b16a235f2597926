package pigeon_test

import (
	"os"
	"testing"

	"example.com/shop/pigeon"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
)

func TestPigeonsKeepTheContract(t *testing.T) {
	loft := t.TempDir() + "/loft"
	openLoft := func() { _ = os.MkdirAll(loft, 0o755) }
	openLoft()
	channeltest.Exercise(t, channeltest.Provider{
		Open:    func(*testing.T) channel.Channel { return pigeon.In(loft) },
		Message: channel.Message{Address: "the red roof", Fields: map[string]string{"note": "Hello"}},
		Received: func(key string) int {
			if _, err := os.Stat(pigeon.Path(loft, key)); err != nil {
				return 0
			}
			return 1
		},
		NotNow: func() { _ = os.RemoveAll(loft) },
		Clear:  openLoft,
	})
}
