package ratelimit

// Subjects returns the number of recorded subjects.
func (f *Failures) Subjects() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.young) + len(f.old)
}
