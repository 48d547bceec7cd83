package sim

// Actor identifies who causes an event; ties at one instant are ordered by
// mix(seed, actor, the actor's own counter), so that adding an actor does not
// reorder the others.
type Actor uint32

// ActorOf gives a stable number to a name: the same in every run, whatever
// other names there are. Two names share a number about once in four
// billion pairs; they then share a counter, which costs nothing but the
// independence of their tie order.
func ActorOf(name string) Actor {
	return Actor(finalize(Stream(name)) >> 32)
}

// source is what the kernel knows of an actor.
type source struct {
	actor Actor
	name  string
	base  uint64 // mix(seed, actor)
	count uint64 // keys handed out

	circle Circle
}

// key is the actor's next tie key: Draw(seed, actor, count). Keys of one
// actor never repeat, as the finalizer is a bijection.
func (s *source) key() uint64 {
	s.count++
	return finalize(s.base + golden*s.count)
}

// Name gives an actor a name for error messages, and returns ActorOf(name)
// registered under it: the usual way to make an actor.
func (k *Kernel) Name(name string) Actor {
	a := ActorOf(name)
	k.source(a).name = name
	return a
}

// NameOf is the name given to an actor, or "".
func (k *Kernel) NameOf(a Actor) string {
	if s := k.actors[a]; s != nil {
		return s.name
	}
	return ""
}

func (k *Kernel) source(a Actor) *source {
	s := k.actors[a]
	if s == nil {
		s = &source{actor: a, base: streamBase(k.seed, uint64(a))}
		k.actors[a] = s
		k.known = append(k.known, s)
	}
	return s
}
