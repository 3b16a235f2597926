package gateway

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// BenchmarkDecide asks over HTTP for the next best of 1,000 actions, each with a model of 100 predictors, for
// 1,000 customers on a SQLite file, by 1, 8 and 64 clients at once. The store's own BenchmarkDecide has the
// same in process, and PostgreSQL.
func BenchmarkDecide(b *testing.B) {
	file := filepath.Join(b.TempDir(), "crowd.db")
	s, err := engine.Open(b.Context(), engine.Options{URL: file, Channels: channels})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	h := newHouse(b, func(c *Config) { c.Rooms, c.Ping = roomsOf(s), s.Database.Ping })
	crowd(b, s, file)
	for _, clients := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
			defer client.CloseIdleConnections()
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range clients {
				wg.Go(func() {
					for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
						began := time.Now()
						if err := asks(client, h.url, i%1000); err != nil {
							b.Error(err)
							return
						}
						took[i] = time.Since(began)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// asks makes one request.
func asks(client *http.Client, url string, customer int) error {
	req, err := http.NewRequest(
		"POST",
		url+"/v1/decide",
		strings.NewReader(fmt.Sprintf(`{"userId": "c%d", "group": "all", "context": {"page": "account"}}`, customer)),
	)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+serverKey)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"actions":[{`)) {
		err = fmt.Errorf("%d %s", res.StatusCode, body)
	}
	return err
}

// crowd fills a store with the benchmark's actions, customers and models.
func crowd(b *testing.B, s *engine.Engine, file string) {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	rules := journey.Rules{Groups: map[string][]string{}, Actions: map[string]*journey.Action{}}
	for i := range 1000 {
		name := "a" + strconv.Itoa(i)
		rules.Groups["all"] = append(rules.Groups["all"], name)
		rules.Actions[name] = &journey.Action{Name: name, Group: "all", Propensity: 0.05, Cost: "0.05",
			Value: expr.Expr(
				fmt.Sprintf("customer.trait%d * %d.5 + 1.0", i%60, i),
			), Eligible: expr.Expr(fmt.Sprintf("customer.trait%d >= 0.0", i%40)),
			Suitable: expr.Expr(
				fmt.Sprintf("customer.trait%d < 2.0", i%60),
			), Accept: &journey.Accept{Events: []string{"Accepted"}, Within: time.Hour}}
	}
	_, err := s.Catalog.Publish(
		context.Background(),
		instant,
		&journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}, Rules: rules},
	)
	must(err)
	for from := 0; from < 1000; from += 200 {
		var calls []customer.SegmentCall
		for i := from; i < from+200; i++ {
			traits := map[string]any{}
			for t := range 100 {
				traits["trait"+strconv.Itoa(t)] = r.Float64()
			}
			calls = append(
				calls,
				customer.SegmentCall{Type: "identify", MessageID: "i" + strconv.Itoa(i), UserID: "c" + strconv.Itoa(i), Traits: traits},
			)
		}
		_, err := s.Intake.Ingest(context.Background(), instant, calls)
		must(err)
	}
	m := propensity.New(propensity.Start{Propensity: 0.05})
	for range 3000 {
		f := propensity.Features{propensity.Symbol("event.page", "account"), propensity.Number("hour", 10)}
		for t := range 98 {
			f = append(f, propensity.Number("customer.trait"+strconv.Itoa(t), r.Float64()))
		}
		m.Learn(f, r.Float64() < 0.1)
	}
	raw, err := m.MarshalBinary()
	must(err)
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	must(err)
	defer db.Close()
	tx, err := db.Begin()
	must(err)
	for i := range 1000 {
		_, err := tx.Exec(
			`insert into models (action, channel, version, evidence, positives, state) values ($1, 'app', 1, 3000, 300, $2)`,
			"a"+strconv.Itoa(i),
			base64.StdEncoding.EncodeToString(raw),
		)
		must(err)
	}
	_, err = tx.Exec(`update settings set value = '1' where key = 'models'`)
	must(err)
	must(tx.Commit())
}
