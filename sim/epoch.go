package sim

import "time"

// Epoch is the wall-clock reading of virtual instant 0. Deadlines of
// connections and certificates are on this clock.
var Epoch = time.Unix(1_700_000_000, 0).UTC()
