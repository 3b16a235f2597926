package propensity

// Set is many models made ready to score one customer at once. It keeps what they knew when they were added.
type Set struct {
	models []*Model
	curves []*curve
}

// NewSet makes models ready, in this order.
func NewSet(models ...*Model) *Set {
	s := &Set{models: models}
	for _, m := range models {
		s.curves = append(s.curves, m.scores.curve(m))
	}
	return s
}

// Len is the number of models.
func (s *Set) Len() int { return len(s.models) }

// Prepare looks a customer's features up once for all models.
func (s *Set) Prepare(f Features) *Prepared { return &Prepared{s, f.values(nil)} }

// Prepared is one customer before a set's models. It may be used by one goroutine at a time.
type Prepared struct {
	set    *Set
	values []value
}

// Estimate is what the model at this place of the set expects of the customer.
func (p *Prepared) Estimate(model int) Estimate {
	m := p.set.models[model]
	score, _ := m.score(p.values)
	return p.set.curves[model].estimate(score)
}
