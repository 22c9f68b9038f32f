// Package metrics stands in for the agent's types of events and service checks.
package metrics

// ServiceCheckStatus is 0 OK, 1 warning, 2 critical, 3 unknown.
type ServiceCheckStatus int

// EventPriority is normal or low.
type EventPriority string

// EventAlertType is error, warning, info or success.
type EventAlertType string

// Event is something that happened.
type Event struct {
	Title          string
	Text           string
	Ts             int64
	Priority       EventPriority
	Host           string
	Tags           []string
	AlertType      EventAlertType
	AggregationKey string
	SourceTypeName string
	EventType      string
}
