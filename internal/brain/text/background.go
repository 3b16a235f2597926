package text

func (c *corpus) background(uint64) {}
