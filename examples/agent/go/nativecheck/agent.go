//go:build linux && cgo
// +build linux,cgo

package nativecheck

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/StackVista/stackstate-agent/pkg/aggregator"
	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/collector/check/handler"
	"github.com/StackVista/stackstate-agent/pkg/config"
	"github.com/StackVista/stackstate-agent/pkg/metrics"
	"github.com/StackVista/stackstate-agent/pkg/topology"
	"github.com/StackVista/stackstate-agent/pkg/util"
	"github.com/StackVista/stackstate-agent/pkg/util/log"
)

// What the callbacks reach of the agent. With check.go and loader.go, this file is what differs
// between versions of the agent.

const (
	// In the agent's own configuration, not in a check's: those may come from a container's
	// annotations, and who names a library runs code in the agent.
	foldersSetting     = "native_checks_path"
	foldersEnvironment = "STS_NATIVE_CHECKS_PATH"
)

// The numbers of abi/stackstate_check.h, which are the agent's.
const (
	metricGauge          = 0
	metricRate           = 1
	metricCount          = 2
	metricMonotonicCount = 3
	metricCounter        = 4
	metricHistogram      = 5
	metricHistorate      = 6

	levelTrace    = 7
	levelDebug    = 10
	levelInfo     = 20
	levelWarning  = 30
	levelError    = 40
	levelCritical = 50
)

func checkHandler(checkID string) handler.CheckHandler {
	return handler.GetCheckManager().GetCheckHandler(check.ID(checkID))
}

func submitComponent(checkID string, key topology.Instance, data []byte) {
	component := topology.Component{}
	if err := json.Unmarshal(data, &component); err != nil {
		log.Errorf("nativecheck: %s: a component was dropped: %v: %s", checkID, err, data)
		return
	}
	checkHandler(checkID).SubmitComponent(key, component)
}

func submitRelation(checkID string, key topology.Instance, data []byte) {
	relation := topology.Relation{}
	if err := json.Unmarshal(data, &relation); err != nil {
		log.Errorf("nativecheck: %s: a relation was dropped: %v: %s", checkID, err, data)
		return
	}
	// Deleted under this name too.
	relation.ExternalID = fmt.Sprintf("%s-%s-%s", relation.SourceID, relation.Type.Name,
		relation.TargetID)
	checkHandler(checkID).SubmitRelation(key, relation)
}

func submitMetric(checkID string, metricType int, name string, value float64, hostname string,
	tags []string, flushFirstValue bool) {
	sender, err := aggregator.GetSender(check.ID(checkID))
	if err != nil {
		log.Errorf("nativecheck: %s: metric %s was dropped: %v", checkID, name, err)
		return
	}
	switch metricType {
	case metricGauge:
		sender.Gauge(name, value, hostname, tags)
	case metricRate:
		sender.Rate(name, value, hostname, tags)
	case metricCount:
		sender.Count(name, value, hostname, tags)
	case metricMonotonicCount:
		sender.MonotonicCountWithFlushFirstValue(name, value, hostname, tags, flushFirstValue)
	case metricCounter:
		sender.Counter(name, value, hostname, tags)
	case metricHistogram:
		sender.Histogram(name, value, hostname, tags)
	case metricHistorate:
		sender.Historate(name, value, hostname, tags)
	default:
		log.Errorf("nativecheck: %s: metric %s of unknown type %d was dropped", checkID, name,
			metricType)
	}
}

func submitServiceCheck(checkID string, name string, status int, hostname string, tags []string,
	message string) {
	sender, err := aggregator.GetSender(check.ID(checkID))
	if err != nil {
		log.Errorf("nativecheck: %s: service check %s was dropped: %v", checkID, name, err)
		return
	}
	sender.ServiceCheck(name, metrics.ServiceCheckStatus(status), hostname, tags, message)
}

// deliver hands on what a run submitted, also what a failed one did before it failed.
func deliver(checkID string) {
	checkHandler(checkID).SubmitComplete()
	sender, err := aggregator.GetSender(check.ID(checkID))
	if err != nil {
		log.Errorf("nativecheck: %s: the metrics were not committed: %v", checkID, err)
		return
	}
	sender.Commit()
}

// agentSetting answers JSON, which is YAML too; "" when there is no such setting.
func agentSetting(key string) string {
	if !config.Datadog.IsSet(key) {
		return ""
	}
	text, err := json.Marshal(config.Datadog.Get(key))
	if err != nil {
		log.Warnf("nativecheck: the setting %s cannot be passed on: %v", key, err)
		return ""
	}
	return string(text)
}

func agentHostname() string {
	hostname, err := util.GetHostname(context.TODO())
	if err != nil {
		log.Warnf("nativecheck: the host's name is not known: %v", err)
	}
	return hostname
}

// A warning goes to the agent's status as well; what passes it there logs it.
func logMessage(current *call, message string, level int) {
	switch {
	case level >= levelCritical:
		log.Criticalf("%s", message)
	case level >= levelError:
		log.Errorf("%s", message)
	case level >= levelWarning && current.warn != nil:
		current.warn(message)
	case level >= levelWarning:
		log.Warnf("%s", message)
	case level >= levelInfo:
		log.Infof("%s", message)
	case level >= levelDebug:
		log.Debugf("%s", message)
	default:
		log.Tracef("%s", message)
	}
}

func libraryFolders() []string {
	if folder := config.Datadog.GetString(foldersSetting); folder != "" {
		return []string{folder}
	}
	if folder := os.Getenv(foldersEnvironment); folder != "" {
		return []string{folder}
	}
	return defaultFolders
}
