package mirrored

// KeepFrom has names written when there are some new ones.
func (r *Resolver) KeepFrom(some int) { r.some = some }
