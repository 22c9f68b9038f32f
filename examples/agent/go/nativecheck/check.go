//go:build linux && cgo
// +build linux,cgo

package nativecheck

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/StackVista/stackstate-agent/pkg/aggregator"
	"github.com/StackVista/stackstate-agent/pkg/autodiscovery/integration"
	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/collector/corechecks"
	"github.com/StackVista/stackstate-agent/pkg/util/log"
)

const (
	// A library's own when collection_interval is not set; the agent's other checks have 15 seconds.
	defaultInterval = 60 * time.Second
	// The agent gives up on Stop and Cancel after half a second.
	stopTime = 400 * time.Millisecond
	version  = "check ABI 1"
)

// Check is one instance of a check library. What it does not say itself, the agent's base of Go
// checks says: ID, String, Interval, GetWarnings, GetSenderStats, ConfigSource, IsTelemetryEnabled.
type Check struct {
	corechecks.CheckBase
	name    string
	library *library

	mutex    sync.Mutex
	instance *instance     // nil until configured, and when stopped
	run      chan struct{} // closed at the end of the run in progress, nil without one
	over     chan struct{} // closed when what was stopped last is gone
}

var _ check.Check = (*Check)(nil)

func newCheck(name string, opened *library) *Check {
	over := make(chan struct{})
	close(over)
	return &Check{
		CheckBase: corechecks.NewCheckBaseWithInterval(name, defaultInterval),
		name:      name,
		library:   opened,
		over:      over,
	}
}

// Configure may be called again. When it fails, the check stays what it was.
func (c *Check) Configure(data integration.Data, initConfig integration.Data, source string) error {
	base := corechecks.NewCheckBaseWithInterval(c.name, defaultInterval)
	base.BuildID(data, initConfig)
	if err := base.Configure(data, initConfig, source); err != nil {
		return err
	}
	configured, err := c.configureLibrary(&base, data, initConfig)
	if err != nil {
		if c.ID() != base.ID() {
			aggregator.DestroySender(base.ID())
		}
		return err
	}
	c.CheckBase = base

	c.mutex.Lock()
	former := c.instance
	c.instance = configured
	c.mutex.Unlock()
	if former != nil {
		former.close()
	}
	return nil
}

func (c *Check) configureLibrary(base *corechecks.CheckBase, data integration.Data,
	initConfig integration.Data) (*instance, error) {
	sender, err := aggregator.GetSender(base.ID())
	if err != nil {
		return nil, fmt.Errorf("failed to retrieve a sender: %w", err)
	}
	// The library puts the instance's tags where they belong; the base would add them again.
	sender.SetCheckCustomTags(nil)
	sender.FinalizeCheckServiceTag()
	// A run ends within the interval, so the library has to know of min_collection_interval too,
	// which is the agent's word for it.
	if base.Interval() != defaultInterval {
		if err := data.SetField("collection_interval", int(base.Interval().Seconds())); err != nil {
			return nil, err
		}
	}
	return c.library.configure(string(base.ID()), string(initConfig), string(data),
		func(message string) { base.Warnf("%s", message) }) //nolint:errcheck
}

// Run is one pass. Its error has the library's words, made for the agent's status.
func (c *Check) Run() error {
	current, err := c.begin()
	if err != nil {
		return err
	}
	defer c.end()
	defer deliver(string(c.ID()))
	return current.run(func(message string) { c.Warnf("%s", message) }) //nolint:errcheck
}

func (c *Check) begin() (*instance, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.instance == nil {
		return nil, errStopped
	}
	if c.run != nil {
		return nil, errors.New("the check is running already")
	}
	c.run = make(chan struct{})
	return c.instance, nil
}

func (c *Check) end() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	close(c.run)
	c.run = nil
}

// Stop ends a run in progress, and the instance: the agent runs a check no more once it was
// stopped, unless it is configured again.
func (c *Check) Stop() {
	c.waitFor(c.stop())
}

// Cancel comes when the check is unscheduled, after Stop, before it or without.
func (c *Check) Cancel() {
	over := c.stop()
	cleaned := make(chan struct{})
	go func() {
		// A run that still ends would make the sender again.
		<-over
		c.CommonCancel()
		close(cleaned)
	}()
	c.waitFor(cleaned)
}

// stop answers a channel that is closed when neither the instance nor a run of it is left.
func (c *Check) stop() <-chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.instance == nil {
		return c.over
	}
	stopped, run, over := c.instance, c.run, make(chan struct{})
	c.instance, c.over = nil, over
	go func() {
		stopped.close()
		if run != nil {
			<-run
		}
		close(over)
	}()
	return over
}

func (c *Check) waitFor(event <-chan struct{}) {
	select {
	case <-event:
	case <-time.After(stopTime):
		log.Infof("nativecheck: %s is still ending its run", c.ID())
	}
}

// Version is that of the contract; a library does not tell its own.
func (c *Check) Version() string {
	return version
}
