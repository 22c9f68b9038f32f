package nativecheck_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/StackVista/stackstate-agent/pkg/aggregator"
	"github.com/StackVista/stackstate-agent/pkg/autodiscovery/integration"
	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/topology"
)

// start runs a check until it has submitted a component; the channel gets what Run returns.
func start(t *testing.T, c check.Check) <-chan error {
	t.Helper()
	arrived := make(chan struct{}, 1)
	recorded(c).OnComponent = func(topology.Component) {
		select {
		case arrived <- struct{}{}:
		default:
		}
	}
	result := make(chan error, 1)
	go func() { result <- c.Run() }()
	select {
	case <-arrived:
	case <-time.After(patience):
		t.Fatal("no component")
	}
	return result
}

func outcome(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		t.Fatal("no end")
		return nil
	}
}

func TestCancelEndsARunOnce(t *testing.T) {
	for round := 0; round < 5; round++ {
		c := mustLoad(t, "stub", script("component c; block"))
		result := start(t, c)
		if err := c.Run(); err == nil || !strings.Contains(err.Error(), "running already") {
			t.Errorf("a second run: %v", err)
		}
		var stopping sync.WaitGroup
		for i := 0; i < 8; i++ {
			stopping.Add(1)
			go func(end func()) {
				defer stopping.Done()
				end()
			}([]func(){c.Stop, c.Cancel}[i%2])
		}
		stopping.Wait()
		if err := outcome(t, result); err == nil || err.Error() != "cancelled" {
			t.Errorf("the run: %v", err)
		}
		if err := c.Run(); err == nil || err.Error() != "the check was stopped" {
			t.Errorf("a run afterwards: %v", err)
		}
		await(t, "the sender goes", func() bool { return aggregator.Recorded(c.ID()) == nil })
	}
}

// The library cannot know of a run that is on its way into it: docs/ABI.md, Teardown.
func TestStopGivesARunTimeToArrive(t *testing.T) {
	for round := 0; round < 100; round++ {
		c := mustLoad(t, "stub", script("block"))
		result := make(chan error, 2)
		for i := 0; i < 2; i++ {
			go func() { result <- c.Run() }()
		}
		// No callback tells that a run has begun, but when one is refused, the other has.
		if err := outcome(t, result); err == nil || err.Error() != "the check is running already" {
			t.Fatalf("the second run: %v", err)
		}
		begin := time.Now()
		c.Stop()
		took := time.Since(begin)
		err := outcome(t, result)
		if err != nil && err.Error() == "the check was stopped" {
			continue // begun, and not yet on its way into the library
		}
		if err == nil || err.Error() != "cancelled" || took < 100*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
		return
	}
	t.Error("no run was on its way")
}

func TestStopAndRunMeetAtAnyMoment(t *testing.T) {
	for round := 0; round < 50; round++ {
		c := mustLoad(t, "stub", script("log here; block"))
		result := make(chan error, 1)
		go func() { result <- c.Run() }()
		time.Sleep(time.Duration(round) * 10 * time.Microsecond)
		c.Stop()
		err := outcome(t, result)
		if err == nil || err.Error() != "cancelled" && err.Error() != "the check was stopped" {
			t.Errorf("the run: %v", err)
		}
	}
}

func TestStopDoesNotWaitForABlockedCallback(t *testing.T) {
	root, instance := sample(t, "blocked")
	flows := mustLoad(t, "aws_flowlogs", instance)
	inside, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	recorded(flows).OnComponent = func(topology.Component) {
		once.Do(func() {
			close(inside)
			<-release
		})
	}
	result := make(chan error, 1)
	go func() { result <- flows.Run() }()
	<-inside
	stopped := make(chan error, 1)
	go func() {
		flows.Stop()
		stopped <- nil
	}()
	_ = outcome(t, stopped)
	close(release)
	if err := outcome(t, result); err == nil {
		t.Error("the run went through")
	}
	equal(t, "objects", objects(t, root, "blocked"), sampleObjects)
	equal(t, "stopped transactions", strings.Contains(fmt.Sprint(recorded(flows).Called()), "stop"),
		false)
}

func TestCancelOfACheckThatNeverRan(t *testing.T) {
	c := mustLoad(t, "stub", script(""))
	c.Cancel()
	c.Cancel()
	c.Stop()
	equal(t, "sender", aggregator.Recorded(c.ID()) == nil, true)
}

func TestConfigureAgain(t *testing.T) {
	c := mustLoad(t, "stub", script("component one"))
	configure := func(instance string) error {
		return c.Configure(integration.Data(instance), integration.Data("{}\n"), "file:other")
	}
	first := c.ID()
	err := configure("refuse: this\n" + script("component two"))
	if err == nil || err.Error() != "instance.refuse: expected nothing" {
		t.Errorf("refused: %v", err)
	}
	equal(t, "id", c.ID(), first)
	equal(t, "source", c.ConfigSource(), "file:test")
	mustRun(t, c)
	equal(t, "first", recorded(c).Components[0].ExternalID, "one")

	for _, name := range []string{"two", "three"} {
		if err := configure(script("component " + name)); err != nil {
			t.Fatal(err)
		}
		mustRun(t, c)
		equal(t, name, recorded(c).Components[0].ExternalID, name)
	}
	c.Stop()
	if err := configure(script("component four")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, c)
	equal(t, "after Stop", recorded(c).Components[0].ExternalID, "four")
	equal(t, "source", c.ConfigSource(), "file:other")
}
