// Package corechecks stands in for the agent's base of Go checks.
package corechecks

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/StackVista/stackstate-agent/pkg/aggregator"
	"github.com/StackVista/stackstate-agent/pkg/autodiscovery/integration"
	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/util/log"
)

// CheckBase has what Go checks have in common.
type CheckBase struct {
	name     string
	id       check.ID
	interval time.Duration
	source   string
	warnings []error
}

// NewCheckBaseWithInterval makes the base of a check that has no interval of its own yet.
func NewCheckBaseWithInterval(name string, interval time.Duration) CheckBase {
	return CheckBase{name: name, id: check.ID(name), interval: interval}
}

// BuildID gives each instance its own ID.
func (b *CheckBase) BuildID(instance, initConfig integration.Data) {
	b.id = check.BuildID(b.name, instance, initConfig)
}

// Configure reads the keys that are the agent's: the intervals, tags, service.
func (b *CheckBase) Configure(data, initConfig integration.Data, source string) error {
	for _, key := range []string{"min_collection_interval", "collection_interval"} {
		text := data.Value(key)
		if text == "" {
			continue
		}
		seconds, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if seconds > 0 {
			b.interval = time.Duration(seconds) * time.Second
		}
	}
	sender, err := aggregator.GetSender(b.id)
	if err != nil {
		return err
	}
	if tags := strings.Trim(data.Value("tags"), "[]"); tags != "" {
		sender.SetCheckCustomTags(strings.Split(tags, ", "))
	}
	if service := data.Value("service"); service != "" {
		sender.SetCheckService(service)
	}
	sender.FinalizeCheckServiceTag()
	b.source = source
	return nil
}

// Warnf logs a warning and keeps it for the agent's status.
func (b *CheckBase) Warnf(format string, params ...interface{}) error {
	warning := log.Warnf(format, params...)
	b.warnings = append(b.warnings, warning)
	return warning
}

// GetWarnings hands the warnings out once.
func (b *CheckBase) GetWarnings() []error {
	warnings := b.warnings
	b.warnings = nil
	return warnings
}

// CommonCancel frees what the agent holds for the check.
func (b *CheckBase) CommonCancel() { aggregator.DestroySender(b.id) }

// Cancel is for checks that have nothing of their own to free.
func (b *CheckBase) Cancel() { b.CommonCancel() }

// Stop is for checks that cannot be stopped.
func (b *CheckBase) Stop() {}

// String answers the name of the check.
func (b *CheckBase) String() string { return b.name }

// ID answers the ID of the instance.
func (b *CheckBase) ID() check.ID { return b.id }

// Interval answers the time between two runs.
func (b *CheckBase) Interval() time.Duration { return b.interval }

// Version is for checks that have none.
func (b *CheckBase) Version() string { return "" }

// ConfigSource answers where the configuration came from.
func (b *CheckBase) ConfigSource() string { return b.source }

// IsTelemetryEnabled is about the agent's own telemetry.
func (b *CheckBase) IsTelemetryEnabled() bool { return false }

// GetSenderStats answers the counts of the last run.
func (b *CheckBase) GetSenderStats() (check.SenderStats, error) {
	sender, err := aggregator.GetSender(b.id)
	if err != nil {
		return check.SenderStats{}, err
	}
	return sender.GetSenderStats(), nil
}
