package graph

// measure widens left and right to the extent of a list of steps around its axis.
func (s *scene) measure(list sequence, left, right *float64) {
	for _, b := range list {
		s.measureBlock(b)
		*left, *right = max(*left, b.frame.left), max(*right, b.frame.right)
	}
}

func (s *scene) measureBlock(b *block) {
	l, r := cardWidth/2, cardWidth/2
	n := &s.g.Nodes[b.node]
	shares := s.overlay.shares(n, b)
	if b.split() {
		axes, total := s.columns(b, shares)
		middle := (axes[0] + axes[len(axes)-1]) / 2
		l, r = max(l, middle), max(r, total-middle)
	} else if s.labelled(b) {
		for _, w := range s.onward(b) {
			half := pillWidth(w, shares) / 2
			l, r = max(l, half), max(r, half)
		}
	}
	if b.skip != nil {
		r += skipAside + pillWidth(*b.skip, shares)
	}
	b.frame.left, b.frame.right = l, r
}

// columns measures the arms of a block. It returns their axes, from the left edge, and the total width.
func (s *scene) columns(b *block, shares map[string]float64) (axes []float64, total float64) {
	for i := range b.arms {
		a := &b.arms[i]
		l, r := 20.0, 20.0
		for _, w := range a.ways {
			half := pillWidth(w, shares) / 2
			l, r = max(l, half), max(r, half)
		}
		s.measure(a.body, &l, &r)
		a.frame.left, a.frame.right = l, r
		if i > 0 {
			total += columnGap
		}
		axes = append(axes, total+l)
		total += l + r
	}
	return axes, total
}

// labelled reports whether the only way out of a block has a label.
func (s *scene) labelled(b *block) bool { return len(s.onward(b)) > 0 }

// onward returns the labels of the only way out of a block. A send and a call whose ways all continue at the same step
// have a label only if there are numbers to show.
func (s *scene) onward(b *block) []way {
	if len(b.arms) != 1 {
		return nil
	}
	n := &s.g.Nodes[b.node]
	if n.spec.Forks {
		return b.arms[0].ways
	}
	if s.overlay == nil || len(b.arms[0].ways) < 2 {
		return nil
	}
	arms := s.overlay.Steps[n.Step].Arms
	var out []way
	for _, w := range b.arms[0].ways {
		if arms[w.Arm] > 0 {
			out = append(out, w)
		}
	}
	if len(out) == 1 && out[0].Arm == ArmNext {
		return nil
	}
	return out
}

func pillWidth(w way, shares map[string]float64) float64 {
	text := fit(w.Label, pillMost, 11.5, false)
	if share, ok := shares[w.Arm]; ok {
		text += "  " + Percent(share)
	}
	return measure(text, 11.5, true) + 18
}
