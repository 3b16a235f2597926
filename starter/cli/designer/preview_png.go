package designer

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/childproc"
	"github.com/tabi-journeys/tabi/internal/gallery"
)

// browsers are the names of Chromium, in the order in which they are looked for.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"}

// shotTime bounds one picture, and shotHeight is the height of the window, in pixels; what is empty below a mail is cut off.
const (
	shotTime   = 60 * time.Second
	shotHeight = 4000
)

// shoot writes a picture of each mail, narrow and wide, light and dark, and returns how many.
func shoot(ctx context.Context, galleries []*gallery.Gallery, dir string) (int, error) {
	browser := ""
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		return 0, app.Usage("--png needs Chromium, and none of %s is in the PATH", strings.Join(browsers, ", "))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, app.Usage("cannot make the folder %s: %w", dir, err)
	}
	work, err := os.MkdirTemp("", "tabi-preview-")
	if err != nil {
		return 0, fmt.Errorf("cannot make a temporary folder: %w", err)
	}
	defer os.RemoveAll(work) //nolint:errcheck // the system's, which it cleans
	type shot struct {
		html, file string
		width      int
	}
	var shots []shot
	for _, g := range galleries {
		for i := range g.Views {
			v := &g.Views[i]
			for _, width := range []int{gallery.Narrow, gallery.Wide} {
				for _, dark := range []bool{false, true} {
					if source := v.Fields["html"]; source != "" {
						shots = append(shots, shot{gallery.Document(source, dark), shotName(g, v, width, dark), width})
					}
				}
			}
		}
	}
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		failed  error
		next    int
	)
	for range min(max(1, runtime.GOMAXPROCS(0)), 4) {
		workers.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				stop := failed != nil || n >= len(shots)
				mu.Unlock()
				if stop {
					return
				}
				s := shots[n]
				place := filepath.Join(work, fmt.Sprint(n))
				if err := takeShot(ctx, browser, place, s.html, filepath.Join(dir, s.file), s.width); err != nil {
					mu.Lock()
					failed = errors.Join(failed, fmt.Errorf("%s: %w", s.file, err))
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return len(shots), failed
}

// takeShot takes one picture, with a browser profile of its own.
func takeShot(ctx context.Context, browser, place, html, file string, width int) error {
	ctx, cancel := context.WithTimeout(ctx, shotTime)
	defer cancel()
	if err := os.MkdirAll(place, 0o700); err != nil {
		return fmt.Errorf("cannot make a temporary folder: %w", err)
	}
	page, raw := filepath.Join(place, "mail.html"), filepath.Join(place, "shot.png")
	if err := os.WriteFile(page, []byte(html), 0o600); err != nil {
		return fmt.Errorf("cannot write the mail: %w", err)
	}
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
		"--user-data-dir="+filepath.Join(place, "profile"), fmt.Sprintf("--window-size=%d,%d", width, shotHeight), "--screenshot="+raw,
		"--virtual-time-budget=5000", (&url.URL{Scheme: "file", Path: page}).String())
	child, err := childproc.Start(cmd)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", browser, err)
	}
	<-child.Done
	picture, err := os.Open(raw)
	if err != nil {
		return fmt.Errorf("%s took no picture", browser)
	}
	defer picture.Close() //nolint:errcheck // it was read
	whole, err := png.Decode(picture)
	if err != nil {
		return fmt.Errorf("%s wrote a picture that cannot be read: %w", browser, err)
	}
	out, err := os.Create(file)
	if err != nil {
		return app.Usage("cannot write %s: %w", file, err)
	}
	return errors.Join(png.Encode(out, trimmed(whole)), out.Close())
}

// trimmed cuts off the empty rows at the end of a picture, except a margin.
func trimmed(whole image.Image) image.Image {
	const margin = 24
	b := whole.Bounds()
	last := b.Max.Y - 1
	ground := whole.At(b.Min.X, last)
	empty := func(y int) bool {
		for x := b.Min.X; x < b.Max.X; x++ {
			if whole.At(x, y) != ground {
				return false
			}
		}
		return true
	}
	for last > b.Min.Y && empty(last) {
		last--
	}
	cut, ok := whole.(interface {
		SubImage(r image.Rectangle) image.Image
	})
	if !ok {
		return whole
	}
	return cut.SubImage(image.Rect(b.Min.X, b.Min.Y, b.Max.X, min(last+margin, b.Max.Y)))
}
