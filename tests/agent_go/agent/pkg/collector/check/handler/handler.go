// Package handler stands in for the agent's: what checks submit as topology, and their state.
package handler

import (
	"fmt"
	"sync"

	"github.com/StackVista/stackstate-agent/pkg/autodiscovery/integration"
	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/metrics"
	"github.com/StackVista/stackstate-agent/pkg/telemetry"
	"github.com/StackVista/stackstate-agent/pkg/topology"
)

// CheckIdentifier is what of a check a handler needs.
type CheckIdentifier interface {
	String() string
	ID() check.ID
	ConfigSource() string
}

// CheckHandler takes what one check submits.
type CheckHandler interface {
	StartTransaction() string
	StopTransaction()
	DiscardTransaction(reason string)
	SetTransactionState(key, state string)
	SetState(key, state string)
	GetState(key string) string
	SubmitComponent(instance topology.Instance, component topology.Component)
	SubmitRelation(instance topology.Instance, relation topology.Relation)
	SubmitStartSnapshot(instance topology.Instance)
	SubmitStopSnapshot(instance topology.Instance)
	SubmitDelete(instance topology.Instance, topologyElementID string)
	SubmitRawMetricsData(data telemetry.RawMetrics)
	SubmitEvent(event metrics.Event)
	SubmitComplete()
}

// CheckManager knows the handlers.
type CheckManager struct {
	mutex    sync.Mutex
	handlers map[check.ID]*Recorder
	// A transaction's state is committed when the receiver has all of it. Here that is at the end of
	// the run, unless Hold says that the receiver is away.
	Hold bool
	// The key of a state is not the check's: all checks share them.
	state map[string]string
}

var manager = &CheckManager{handlers: map[check.ID]*Recorder{}, state: map[string]string{}}

// GetCheckManager answers the only one.
func GetCheckManager() *CheckManager { return manager }

// RegisterCheckHandler begins anew for a check.
func (m *CheckManager) RegisterCheckHandler(identifier CheckIdentifier,
	config, initConfig integration.Data) CheckHandler {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.handlers[identifier.ID()] = &Recorder{manager: m, IsRegistered: true}
	return m.handlers[identifier.ID()]
}

// GetCheckHandler makes a handler where there is none.
func (m *CheckManager) GetCheckHandler(id check.ID) CheckHandler { return m.Recorded(id) }

// Recorded is GetCheckHandler with its own type.
func (m *CheckManager) Recorded(id check.ID) *Recorder {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.handlers[id] == nil {
		m.handlers[id] = &Recorder{manager: m}
	}
	return m.handlers[id]
}

// Recorder is the handler of this stand-in. Its fields are for the time between runs.
type Recorder struct {
	manager *CheckManager
	mutex   sync.Mutex

	IsRegistered bool
	Calls        []string
	Components   []topology.Component
	Relations    []topology.Relation
	Keys         map[topology.Instance]int
	Deleted      []string
	RawMetrics   []telemetry.RawMetrics
	Events       []metrics.Event
	// OnComponent may panic or block.
	OnComponent func(component topology.Component)

	open  bool
	state map[string]string
}

func (r *Recorder) note(format string, values ...interface{}) {
	r.Calls = append(r.Calls, fmt.Sprintf(format, values...))
}

// Called answers a copy of what was called, submissions excepted.
func (r *Recorder) Called() []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]string(nil), r.Calls...)
}

// StartTransaction opens one, unless one is open.
func (r *Recorder) StartTransaction() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.note("start")
	r.open = true
	return "transaction"
}

// StopTransaction ends it; its state waits for the receiver.
func (r *Recorder) StopTransaction() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.note("stop")
	r.open = false
}

// DiscardTransaction forgets it.
func (r *Recorder) DiscardTransaction(reason string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.note("discard %s", reason)
	r.open, r.state = false, nil
}

// SetTransactionState is committed with the transaction.
func (r *Recorder) SetTransactionState(key, state string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.note("transaction state")
	r.state = map[string]string{key: state}
}

// SetState is durable at once.
func (r *Recorder) SetState(key, state string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.note("state %s", key)
	r.manager.commit(map[string]string{key: state})
}

func (m *CheckManager) commit(state map[string]string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for key, value := range state {
		m.state[key] = value
	}
}

// GetState answers {} where there is none.
func (r *Recorder) GetState(key string) string {
	r.manager.mutex.Lock()
	defer r.manager.mutex.Unlock()
	if state, ok := r.manager.state[key]; ok {
		return state
	}
	return "{}"
}

// Deliver is the receiver's answer: what was stopped is accepted.
func (r *Recorder) Deliver() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.open {
		r.manager.commit(r.state)
		r.state = nil
	}
}

// SubmitComplete ends a run.
func (r *Recorder) SubmitComplete() {
	r.mutex.Lock()
	r.note("complete")
	r.mutex.Unlock()
	if !r.manager.Hold {
		r.Deliver()
	}
}

func (r *Recorder) keep(key topology.Instance) {
	if r.Keys == nil {
		r.Keys = map[topology.Instance]int{}
	}
	r.Keys[key]++
}

// SubmitComponent keeps it.
func (r *Recorder) SubmitComponent(key topology.Instance, component topology.Component) {
	if r.OnComponent != nil {
		r.OnComponent(component)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.keep(key)
	r.Components = append(r.Components, component)
}

// SubmitRelation keeps it.
func (r *Recorder) SubmitRelation(key topology.Instance, relation topology.Relation) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.keep(key)
	r.Relations = append(r.Relations, relation)
}

// SubmitStartSnapshot notes it.
func (r *Recorder) SubmitStartSnapshot(key topology.Instance) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.note("start snapshot %s %s", key.Type, key.URL)
}

// SubmitStopSnapshot notes it.
func (r *Recorder) SubmitStopSnapshot(key topology.Instance) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.note("stop snapshot %s %s", key.Type, key.URL)
}

// SubmitDelete keeps the name.
func (r *Recorder) SubmitDelete(key topology.Instance, elementID string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.keep(key)
	r.Deleted = append(r.Deleted, elementID)
}

// SubmitRawMetricsData keeps it.
func (r *Recorder) SubmitRawMetricsData(data telemetry.RawMetrics) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.RawMetrics = append(r.RawMetrics, data)
}

// SubmitEvent keeps it.
func (r *Recorder) SubmitEvent(event metrics.Event) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Events = append(r.Events, event)
}
