package ratelimit

// Known returns the number of recorded subjects.
func (f *Failures) Known() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.young) + len(f.old)
}
