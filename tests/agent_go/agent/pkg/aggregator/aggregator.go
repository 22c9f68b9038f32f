// Package aggregator stands in for the agent's: it keeps what its senders were given.
package aggregator

import (
	"sync"

	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/metrics"
)

// Sender takes the metrics and service checks of one check.
type Sender interface {
	Commit()
	Gauge(metric string, value float64, hostname string, tags []string)
	Rate(metric string, value float64, hostname string, tags []string)
	Count(metric string, value float64, hostname string, tags []string)
	MonotonicCountWithFlushFirstValue(metric string, value float64, hostname string, tags []string,
		flushFirstValue bool)
	Counter(metric string, value float64, hostname string, tags []string)
	Histogram(metric string, value float64, hostname string, tags []string)
	Historate(metric string, value float64, hostname string, tags []string)
	ServiceCheck(checkName string, status metrics.ServiceCheckStatus, hostname string,
		tags []string, message string)
	SetCheckCustomTags(tags []string)
	SetCheckService(service string)
	FinalizeCheckServiceTag()
	GetSenderStats() check.SenderStats
}

// Metric is what a sender was given.
type Metric struct {
	Type, Name, Hostname string
	Value                float64
	Tags                 []string
}

// ServiceCheck is what a sender was given.
type ServiceCheck struct {
	Name, Hostname, Message string
	Status                  metrics.ServiceCheckStatus
	Tags                    []string
}

// Recorder is the sender of this stand-in.
type Recorder struct {
	mutex    sync.Mutex
	metrics  []Metric
	services []ServiceCheck
	commits  int
	tags     []string
	service  string
	pending  check.SenderStats
	last     check.SenderStats
}

var senders = struct {
	sync.Mutex
	byID map[check.ID]*Recorder
}{byID: map[check.ID]*Recorder{}}

// GetSender makes the sender where there is none.
func GetSender(id check.ID) (Sender, error) {
	senders.Lock()
	defer senders.Unlock()
	if senders.byID[id] == nil {
		senders.byID[id] = &Recorder{}
	}
	return senders.byID[id], nil
}

// DestroySender forgets the sender.
func DestroySender(id check.ID) {
	senders.Lock()
	defer senders.Unlock()
	delete(senders.byID, id)
}

// Recorded answers the sender of a check, nil without one.
func Recorded(id check.ID) *Recorder {
	senders.Lock()
	defer senders.Unlock()
	return senders.byID[id]
}

func (r *Recorder) add(kind, name string, value float64, hostname string, tags []string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pending.MetricSamples++
	r.metrics = append(r.metrics, Metric{Type: kind, Name: name, Hostname: hostname, Value: value,
		Tags: append(tags, r.tags...)})
}

// Gauge and its kin keep the metric with its type.
func (r *Recorder) Gauge(name string, value float64, hostname string, tags []string) {
	r.add("gauge", name, value, hostname, tags)
}

// Rate keeps the metric.
func (r *Recorder) Rate(name string, value float64, hostname string, tags []string) {
	r.add("rate", name, value, hostname, tags)
}

// Count keeps the metric.
func (r *Recorder) Count(name string, value float64, hostname string, tags []string) {
	r.add("count", name, value, hostname, tags)
}

// MonotonicCountWithFlushFirstValue keeps the metric.
func (r *Recorder) MonotonicCountWithFlushFirstValue(name string, value float64, hostname string,
	tags []string, _ bool) {
	r.add("monotonic_count", name, value, hostname, tags)
}

// Counter keeps the metric.
func (r *Recorder) Counter(name string, value float64, hostname string, tags []string) {
	r.add("counter", name, value, hostname, tags)
}

// Histogram keeps the metric.
func (r *Recorder) Histogram(name string, value float64, hostname string, tags []string) {
	r.add("histogram", name, value, hostname, tags)
}

// Historate keeps the metric.
func (r *Recorder) Historate(name string, value float64, hostname string, tags []string) {
	r.add("historate", name, value, hostname, tags)
}

// ServiceCheck keeps the service check.
func (r *Recorder) ServiceCheck(name string, status metrics.ServiceCheckStatus, hostname string,
	tags []string, message string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pending.ServiceChecks++
	r.services = append(r.services, ServiceCheck{Name: name, Hostname: hostname, Message: message,
		Status: status, Tags: append(tags, r.tags...)})
}

// Commit ends a run.
func (r *Recorder) Commit() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.commits++
	r.last, r.pending = r.pending, check.SenderStats{}
}

// SetCheckCustomTags replaces the tags that everything gets.
func (r *Recorder) SetCheckCustomTags(tags []string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.tags = append([]string(nil), tags...)
}

// SetCheckService names the service.
func (r *Recorder) SetCheckService(service string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.service = service
}

// FinalizeCheckServiceTag makes the service a tag.
func (r *Recorder) FinalizeCheckServiceTag() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.service != "" {
		r.tags = append(r.tags, "service:"+r.service)
	}
}

// GetSenderStats answers the counts of what was committed last.
func (r *Recorder) GetSenderStats() check.SenderStats {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.last
}

// Metrics answers a copy.
func (r *Recorder) Metrics() []Metric {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]Metric(nil), r.metrics...)
}

// ServiceChecks answers a copy.
func (r *Recorder) ServiceChecks() []ServiceCheck {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]ServiceCheck(nil), r.services...)
}

// Commits answers how often there was one.
func (r *Recorder) Commits() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.commits
}
