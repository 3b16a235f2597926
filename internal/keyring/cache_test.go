package keyring

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A key is used for a minute and not a moment longer, however often it is asked for, and then it leaves the memory.
func TestCachedKeysExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		c.Add("a", &Key{ID: "a"})
		for range 59 {
			time.Sleep(time.Second)
			_, ok := c.Get("a")
			require.True(t, ok)
		}
		c.Add("b", &Key{ID: "b"})
		time.Sleep(time.Second)
		_, ok := c.Get("a")
		require.False(t, ok, "using a key does not prolong it")
		time.Sleep(CacheLife)
		_, ok = c.Get("b")
		require.False(t, ok)
		synctest.Wait()
		require.Zero(t, c.keys.Len(), "keys that nobody asks for leave the memory")
		time.Sleep(2 * CacheLife)

		c.Add("c", &Key{ID: "c"}) // the timer runs again
		time.Sleep(2 * CacheLife)
		synctest.Wait()
		require.Zero(t, c.keys.Len())
	})
}

// The cache has a size: the key that was not used for longest goes.
func TestCachedKeysAreBounded(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range cacheSize {
		c.Add(strconv.Itoa(i), &Key{})
	}
	c.Get("0")
	for i := range 10 {
		c.Add("more "+strconv.Itoa(i), &Key{})
	}
	require.Equal(t, cacheSize, c.keys.Len())
	_, ok := c.Get("0")
	require.True(t, ok)
	_, ok = c.Get("1")
	require.False(t, ok)
}

// The cache is used by many at once, also while it is swept.
func TestCachedKeysOfManyUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		var users sync.WaitGroup
		for user := range 8 {
			users.Go(func() {
				for i := range 300 {
					name := strconv.Itoa((user + i) % 40)
					if k, ok := c.Get(name); ok {
						require.Equal(t, name, k.ID)
					} else {
						c.Add(name, &Key{ID: name})
					}
					time.Sleep(time.Second)
				}
			})
		}
		users.Wait()
		time.Sleep(2 * CacheLife)
		synctest.Wait()
		require.Zero(t, c.keys.Len())
	})
}
