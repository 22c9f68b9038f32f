// Package check stands in for the agent's: the interfaces of checks and loaders.
package check

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/StackVista/stackstate-agent/pkg/autodiscovery/integration"
)

// ID names one instance of a check.
type ID string

// BuildID answers the same ID for the same texts.
func BuildID(checkName string, instance, initConfig integration.Data) ID {
	sum := fnv.New64()
	_, _ = sum.Write(instance)
	_, _ = sum.Write(initConfig)
	return ID(fmt.Sprintf("%s:%x", checkName, sum.Sum64()))
}

// SenderStats counts what one run sent.
type SenderStats struct {
	MetricSamples int64
	ServiceChecks int64
}

// Check is what the agent schedules.
type Check interface {
	Run() error
	Stop()
	Cancel()
	String() string
	Configure(config, initConfig integration.Data, source string) error
	Interval() time.Duration
	ID() ID
	GetWarnings() []error
	GetSenderStats() (SenderStats, error)
	Version() string
	ConfigSource() string
	IsTelemetryEnabled() bool
}

// Loader makes a check of one instance of a configuration.
type Loader interface {
	Name() string
	Load(config integration.Config, instance integration.Data) (Check, error)
}
