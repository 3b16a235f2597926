package keyring

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// A cache keeps keys by name, each for CacheLife. It needs no end: a timer runs only while it holds something.
type cache struct {
	keys *lru.Cache[string, cached]
	wall func() time.Time

	mu    sync.Mutex
	timed bool // whether the timer of sweep runs
}

type cached struct {
	key   *Key
	until time.Time
}

func newCache() *cache {
	keys, err := lru.New[string, cached](cacheSize)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &cache{keys: keys, wall: clock.Wall}
}

// Get returns the key of a name, unless it is older than CacheLife.
func (c *cache) Get(name string) (*Key, bool) {
	k, ok := c.keys.Get(name)
	if !ok || !c.wall().Before(k.until) {
		return nil, false
	}
	return k.key, true
}

// Add keeps a key that was just read.
func (c *cache) Add(name string, key *Key) {
	c.keys.Add(name, cached{key: key, until: c.wall().Add(CacheLife)})
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.timed {
		c.timed = true
		time.AfterFunc(CacheLife, c.sweep)
	}
}

// sweep removes the keys that are too old, so that none stays in memory because nobody asks for it.
func (c *cache) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.wall()
	for _, name := range c.keys.Keys() {
		if k, ok := c.keys.Peek(name); ok && !now.Before(k.until) {
			c.keys.Remove(name)
		}
	}
	if c.timed = c.keys.Len() > 0; c.timed {
		time.AfterFunc(CacheLife, c.sweep)
	}
}
