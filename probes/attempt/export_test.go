package attempt

// SetNoFast makes a target take net/http's parser for every response.
func SetNoFast(t *Target, off bool) { t.noFast = off }
