package cursor_test

import "testing"

func BenchmarkSeal(b *testing.B) {
	s := newSealer(b, testSecret)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal(testScope, testPosition); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := newSealer(b, testSecret)
	token := seal(b, s, testScope, testPosition)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(testScope, token); err != nil {
			b.Fatal(err)
		}
	}
}
