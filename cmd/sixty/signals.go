package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"sixty/internal/app"
	"sixty/internal/config"
)

// signals are those that a server receives besides the one that ends its context.
type signals struct {
	stops   chan os.Signal // the one that begins the shutdown is among them
	reloads chan os.Signal
}

// receiveSignals begins to receive signals: from then on, SIGHUP does not end the program.
// ignore must be called.
func receiveSignals() signals {
	s := signals{stops: make(chan os.Signal, 2), reloads: make(chan os.Signal, 1)}
	signal.Notify(s.stops, os.Interrupt, syscall.SIGTERM)
	signal.Notify(s.reloads, syscall.SIGHUP)
	return s
}

func (s signals) ignore() {
	signal.Stop(s.stops)
	signal.Stop(s.reloads)
}

// attend handles the signals of a server until done is called: SIGHUP reloads the settings,
// and a second SIGINT or SIGTERM ends the drain delay, after which another one ends the
// program at once.
func (s signals) attend(a *app.App, settings func() (config.Config, error)) (done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		drained := a.Drained()
		for received := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-s.reloads:
				a.Reload(settings())
			case <-drained:
				signal.Stop(s.stops) // the default applies again
				drained = nil
			case again := <-s.stops:
				if received++; received == 1 {
					continue
				}
				select {
				case <-a.Drained(): // it came before the default applied
					signal.Stop(s.stops)
					_ = syscall.Kill(os.Getpid(), again.(syscall.Signal)) // it is one, and the process is its own
				default:
					a.EndDrain()
				}
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
