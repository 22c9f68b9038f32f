// Package telemetry stands in for the agent's raw metrics.
package telemetry

// RawMetrics is one value that is part of a transaction.
type RawMetrics struct {
	Name      string
	Timestamp int64
	HostName  string
	Value     float64
	Tags      []string
}
