package network

// Pooled is the number of links without a connection, and Busy that of links
// in the lists of the hosts.
func (n *Network) Pooled() int { return len(n.free) }

// Established is the number of connections that a host knows.
func (h *Host) Established() int { return len(h.links) }
