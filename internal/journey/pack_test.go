package journey

import (
	"fmt"
	"sync"
	"testing"
)

func TestLoadIsBoundedAndConcurrent(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range maxPrograms + 20 {
				name := fmt.Sprintf("load-%d", (i+worker)%(maxPrograms+20))
				d := &Definition{Journey: name, Paths: []Path{{Name: Main, Start: End}}}
				packed, err := Pack(d)
				if err != nil {
					t.Error(err)
					return
				}
				p, err := Load(packed, d.Revision())
				if err != nil {
					t.Error(err)
				} else if p.Revision() != d.Revision() {
					t.Errorf("%s: loaded revision %s, not %s", name, p.Revision(), d.Revision())
				}
			}
		})
	}
	group.Wait()
	if n := programs.Len(); n != maxPrograms {
		t.Errorf("the cache holds %d programs, want %d", n, maxPrograms)
	}
}
