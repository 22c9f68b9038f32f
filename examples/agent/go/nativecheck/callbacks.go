//go:build linux && cgo
// +build linux,cgo

package nativecheck

/*
#include <stdbool.h>
#include <stdlib.h>

#include "native.h"
*/
import "C"

import (
	"fmt"
	"runtime/debug"
	"unsafe"

	"github.com/StackVista/stackstate-agent/pkg/metrics"
	"github.com/StackVista/stackstate-agent/pkg/telemetry"
	"github.com/StackVista/stackstate-agent/pkg/topology"
	"github.com/StackVista/stackstate-agent/pkg/util/log"
)

// The functions of the table in native.c. They have the signatures of the agent's rtloader_types.h;
// the names differ because the package python exports the agent's own under those.
//
// Texts are the library's and are copied. A panic ends here: it must not unwind through C. The run
// goes on, because callbacks answer nothing, but its state is not kept: what the panic took away
// would otherwise count as delivered.

// serve does one callback of the check that the calling thread is in.
func serve(name string, checkID *C.char, act func(current *call)) {
	var current *call
	defer func() { recovered(recover(), name, current) }()
	current = currentCall(name)
	if current == nil {
		return
	}
	if id := C.GoString(checkID); id != current.checkID {
		log.Errorf("nativecheck: %s of check %q was called by check %q and is dropped", name, id,
			current.checkID)
		return
	}
	act(current)
}

func recovered(cause interface{}, name string, current *call) {
	if cause == nil {
		return
	}
	log.Errorf("nativecheck: panic in %s: %v\n%s", name, cause, debug.Stack())
	if current != nil && current.failure == nil {
		current.failure = fmt.Errorf("the agent failed in %s: %v", name, cause)
	}
}

func currentCall(name string) *call {
	current := findCall(C.nativecheck_call())
	if current == nil {
		log.Errorf("nativecheck: %s was called from a thread that runs no check and is dropped", name)
		return nil
	}
	current.arrive()
	return current
}

func goKey(key *C.struct_stackstate_check_instance_key) topology.Instance {
	return topology.Instance{Type: C.GoString(key.type_), URL: C.GoString(key.url)}
}

func goTags(tags **C.char) []string {
	var copied []string
	if tags == nil {
		return copied
	}
	// An array's pointer, because C's has no length; only what is before the NULL is looked at.
	for _, tag := range (*[1 << 20]*C.char)(unsafe.Pointer(tags)) {
		if tag == nil {
			break
		}
		copied = append(copied, C.GoString(tag))
	}
	return copied
}

//export nativeSubmitComponent
func nativeSubmitComponent(checkID *C.char, key *C.struct_stackstate_check_instance_key,
	componentID *C.char, componentType *C.char, data *C.char) {
	serve("submit_component", checkID, func(current *call) {
		submitComponent(current.checkID, goKey(key), []byte(C.GoString(data)))
	})
}

//export nativeSubmitRelation
func nativeSubmitRelation(checkID *C.char, key *C.struct_stackstate_check_instance_key,
	sourceID *C.char, targetID *C.char, relationType *C.char, data *C.char) {
	serve("submit_relation", checkID, func(current *call) {
		submitRelation(current.checkID, goKey(key), []byte(C.GoString(data)))
	})
}

//export nativeSubmitStartSnapshot
func nativeSubmitStartSnapshot(checkID *C.char, key *C.struct_stackstate_check_instance_key) {
	serve("submit_start_snapshot", checkID, func(current *call) {
		checkHandler(current.checkID).SubmitStartSnapshot(goKey(key))
	})
}

//export nativeSubmitStopSnapshot
func nativeSubmitStopSnapshot(checkID *C.char, key *C.struct_stackstate_check_instance_key) {
	serve("submit_stop_snapshot", checkID, func(current *call) {
		checkHandler(current.checkID).SubmitStopSnapshot(goKey(key))
	})
}

//export nativeSubmitDelete
func nativeSubmitDelete(checkID *C.char, key *C.struct_stackstate_check_instance_key,
	elementID *C.char) {
	serve("submit_delete", checkID, func(current *call) {
		checkHandler(current.checkID).SubmitDelete(goKey(key), C.GoString(elementID))
	})
}

//export nativeSubmitMetric
func nativeSubmitMetric(checkID *C.char, metricType C.enum_stackstate_check_metric_type,
	name *C.char, value C.double, tags **C.char, hostname *C.char, flushFirstValue C.bool) {
	serve("submit_metric", checkID, func(current *call) {
		submitMetric(current.checkID, int(metricType), C.GoString(name), float64(value),
			C.GoString(hostname), goTags(tags), bool(flushFirstValue))
	})
}

//export nativeSubmitRawMetricsData
func nativeSubmitRawMetricsData(checkID *C.char, name *C.char, value C.float, tags **C.char,
	hostname *C.char, timestamp C.longlong) {
	serve("submit_raw_metrics_data", checkID, func(current *call) {
		checkHandler(current.checkID).SubmitRawMetricsData(telemetry.RawMetrics{
			Name:      C.GoString(name),
			Timestamp: int64(timestamp),
			HostName:  C.GoString(hostname),
			Value:     float64(value),
			Tags:      goTags(tags),
		})
	})
}

//export nativeSubmitServiceCheck
func nativeSubmitServiceCheck(checkID *C.char, name *C.char, status C.int, tags **C.char,
	hostname *C.char, message *C.char) {
	serve("submit_service_check", checkID, func(current *call) {
		submitServiceCheck(current.checkID, C.GoString(name), int(status), C.GoString(hostname),
			goTags(tags), C.GoString(message))
	})
}

//export nativeSubmitEvent
func nativeSubmitEvent(checkID *C.char, event *C.struct_stackstate_check_event) {
	serve("submit_event", checkID, func(current *call) {
		checkHandler(current.checkID).SubmitEvent(metrics.Event{
			Title:          C.GoString(event.title),
			Text:           C.GoString(event.text),
			Ts:             int64(event.ts),
			Priority:       metrics.EventPriority(C.GoString(event.priority)),
			Host:           C.GoString(event.host),
			Tags:           goTags(event.tags),
			AlertType:      metrics.EventAlertType(C.GoString(event.alert_type)),
			AggregationKey: C.GoString(event.aggregation_key),
			SourceTypeName: C.GoString(event.source_type_name),
			EventType:      C.GoString(event.event_type),
		})
	})
}

//export nativeStartTransaction
func nativeStartTransaction(checkID *C.char) {
	serve("start_transaction", checkID, func(current *call) {
		checkHandler(current.checkID).StartTransaction()
	})
}

//export nativeStopTransaction
func nativeStopTransaction(checkID *C.char) {
	serve("stop_transaction", checkID, func(current *call) {
		if current.failure != nil {
			checkHandler(current.checkID).DiscardTransaction(current.failure.Error())
			return
		}
		checkHandler(current.checkID).StopTransaction()
	})
}

//export nativeDiscardTransaction
func nativeDiscardTransaction(checkID *C.char, reason *C.char) {
	serve("discard_transaction", checkID, func(current *call) {
		checkHandler(current.checkID).DiscardTransaction(C.GoString(reason))
	})
}

//export nativeSetTransactionState
func nativeSetTransactionState(checkID *C.char, key *C.char, state *C.char) {
	serve("set_transaction_state", checkID, func(current *call) {
		checkHandler(current.checkID).SetTransactionState(C.GoString(key), C.GoString(state))
	})
}

//export nativeSetState
func nativeSetState(checkID *C.char, key *C.char, state *C.char) {
	serve("set_state", checkID, func(current *call) {
		if current.failure == nil {
			checkHandler(current.checkID).SetState(C.GoString(key), C.GoString(state))
		}
	})
}

// The library gives the copy back through nativeFree. NULL after a panic: the library then takes
// the state for one that could not be read.
//
//export nativeGetState
func nativeGetState(checkID *C.char, key *C.char) (state *C.char) {
	serve("get_state", checkID, func(current *call) {
		state = C.CString(checkHandler(current.checkID).GetState(C.GoString(key)))
	})
	return state
}

//export nativeGetConfig
func nativeGetConfig(key *C.char, yamlResult **C.char) {
	defer func() { recovered(recover(), "get_config", nil) }()
	*yamlResult = nil
	if currentCall("get_config") == nil {
		return
	}
	if value := agentSetting(C.GoString(key)); value != "" {
		*yamlResult = C.CString(value)
	}
}

//export nativeGetHostname
func nativeGetHostname(result **C.char) {
	defer func() { recovered(recover(), "get_hostname", nil) }()
	*result = nil
	if currentCall("get_hostname") != nil {
		*result = C.CString(agentHostname())
	}
}

//export nativeLogMessage
func nativeLogMessage(message *C.char, level C.int) {
	defer func() { recovered(recover(), "log", nil) }()
	if current := currentCall("log"); current != nil {
		logMessage(current, C.GoString(message), int(level))
	}
}

//export nativeFree
func nativeFree(memory unsafe.Pointer) {
	C.free(memory)
}
