package app

import (
	"net"
	"net/http"
	"testing"
	"time"

	"sixty/internal/ratelimit"
)

// offered is a listener of the connections that are sent to it.
type offered chan net.Conn

func (o offered) Accept() (net.Conn, error) { return <-o, nil }
func (offered) Addr() net.Addr              { return nil }
func (offered) Close() error                { return nil }

// The connection that has been idle for the longest time is evicted, and a closed connection
// is not counted.
func TestLongestIdle(t *testing.T) {
	t.Parallel()
	const most = 3
	incoming := make(offered, 1)
	l := newBoundedListener(incoming, most, 0, ratelimit.Proxies{})
	accept := func() (net.Conn, net.Conn) {
		here, there := net.Pipe()
		incoming <- here
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		l.note(c, http.StateNew)
		return c, there
	}
	closed := func(there net.Conn) bool { return there.SetDeadline(time.Time{}) != nil }
	first, firstThere := accept()
	second, secondThere := accept()
	third, thirdThere := accept()
	l.note(first, http.StateActive)
	l.note(second, http.StateActive)
	l.note(first, http.StateIdle) // and second has a request still
	_, fourthThere := accept()
	if !closed(thirdThere) || closed(firstThere) || closed(secondThere) {
		t.Error("the third had no request yet, and was to give way")
	}
	l.note(third, http.StateClosed)
	_, fifthThere := accept()
	if !closed(firstThere) || closed(secondThere) || closed(fourthThere) {
		t.Error("the first had no request any more, and was to give way")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	accept()
	if closed(fourthThere) || closed(fifthThere) {
		t.Error("there was room")
	}
}
