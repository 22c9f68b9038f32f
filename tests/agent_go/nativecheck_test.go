package nativecheck_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/StackVista/stackstate-agent/pkg/aggregator"
	"github.com/StackVista/stackstate-agent/pkg/autodiscovery/integration"
	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/collector/check/handler"
	"github.com/StackVista/stackstate-agent/pkg/collector/loaders"
	_ "github.com/StackVista/stackstate-agent/pkg/collector/nativecheck"
	"github.com/StackVista/stackstate-agent/pkg/config"
	"github.com/StackVista/stackstate-agent/pkg/topology"
	"github.com/StackVista/stackstate-agent/pkg/util/log"
)

// The library's first callback or the end of a run is waited for by looking, until then.
const patience = 10 * time.Second

var (
	demo    = os.Getenv("DEMO")
	folders = os.Getenv("NATIVE_CHECKS")
)

func TestMain(m *testing.M) {
	config.Datadog.Set("native_checks_path", folders)
	config.Datadog.Set("check_transactionality_enabled", true)
	os.Exit(m.Run())
}

func load(name, instance string) (check.Check, error) {
	catalog := loaders.LoaderCatalog()
	if len(catalog) != 1 || catalog[0].Name() != "native" {
		return nil, fmt.Errorf("the catalog has %v", catalog)
	}
	return catalog[0].Load(integration.Config{Name: name, InitConfig: integration.Data("{}\n"),
		Source: "file:test"}, integration.Data(instance))
}

func mustLoad(t *testing.T, name, instance string) check.Check {
	t.Helper()
	loaded, err := load(name, instance)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loaded.Cancel)
	return loaded
}

// script makes the scripted check of tests/contract/stub_check.c. The number makes its ID its own.
var scripts struct {
	sync.Mutex
	count int
}

func script(text string) string {
	scripts.Lock()
	defer scripts.Unlock()
	scripts.count++
	return fmt.Sprintf("number: %d\nscript: '%s'\n", scripts.count, text)
}

func recorded(c check.Check) *handler.Recorder {
	return handler.GetCheckManager().Recorded(c.ID())
}

func mustRun(t *testing.T, c check.Check) {
	t.Helper()
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

func equal(t *testing.T, what string, found, expected interface{}) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Errorf("%s: found %v, expected %v", what, found, expected)
	}
}

func contains(t *testing.T, what, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s: found %q, expected %q in it", what, text, part)
	}
}

// sample is a copy of the demo's bucket under a name of its own, and the instance that reads it.
func sample(t *testing.T, bucket string) (root, instance string) {
	t.Helper()
	root = t.TempDir()
	from := filepath.Join(demo, "bucket-root", "stackstate-logs-123456789012")
	err := filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(root, bucket, inside)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		bytes, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, bytes, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return root, fmt.Sprintf("role_arn: arn:aws:iam::123456789012:role/StackStateFlowLogs\n"+
		"regions: [eu-west-1]\nprocess_flow_logs: true\ntags: [env:demo]\nservice: shop\n"+
		"s3_endpoint_url: 'file://%s'\nflowlog_bucket_name: %s\ninterfaces_file: '%s'\n"+
		"collection_interval: 60\n", root, bucket, filepath.Join(demo, "interfaces.json"))
}

func objects(t *testing.T, root, bucket string) int {
	t.Helper()
	count := 0
	err := filepath.Walk(filepath.Join(root, bucket, "AWSLogs"),
		func(_ string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				count++
			}
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func metricNames(id check.ID, prefix string) map[string]int {
	names := map[string]int{}
	for _, metric := range aggregator.Recorded(id).Metrics() {
		if strings.HasPrefix(metric.Name, prefix) {
			names[metric.Name]++
		}
	}
	return names
}

// The demo's landscape: 10 hosts, 22 pairs of them that talk.
const (
	sampleComponents = 10
	sampleRelations  = 22
	sampleObjects    = 2
)

func TestFlowLogsBecomeTopologyAndAreDeletedOneRunLater(t *testing.T) {
	root, instance := sample(t, "three-runs")
	flows := mustLoad(t, "aws_flowlogs", instance)
	equal(t, "name", flows.String(), "aws_flowlogs")
	equal(t, "interval", flows.Interval(), time.Minute)
	equal(t, "source", flows.ConfigSource(), "file:test")
	mustRun(t, flows)

	agent := recorded(flows)
	equal(t, "registered", agent.IsRegistered, true)
	equal(t, "components", len(agent.Components), sampleComponents)
	equal(t, "relations", len(agent.Relations), sampleRelations)
	equal(t, "keys", agent.Keys, map[topology.Instance]int{
		{Type: "aws-v2", URL: "123456789012"}: sampleComponents + sampleRelations})
	relation := agent.Relations[0]
	equal(t, "type", relation.Type.Name, "flowlog")
	equal(t, "relation's id", relation.ExternalID,
		relation.SourceID+"-flowlog-"+relation.TargetID)
	equal(t, "gauges", metricNames(flows.ID(), "aws.flowlog.")["aws.flowlog.bytes_sent"],
		sampleRelations)
	equal(t, "objects after run 1", objects(t, root, "three-runs"), sampleObjects)
	equal(t, "calls", agent.Called(), []string{"start", "transaction state", "stop", "complete"})
	stats, err := flows.GetSenderStats()
	if err != nil || stats.MetricSamples < 4*sampleRelations || stats.ServiceChecks == 0 {
		t.Errorf("stats: %+v, %v", stats, err)
	}

	mustRun(t, flows)
	equal(t, "objects after run 2", objects(t, root, "three-runs"), 0)
	mustRun(t, flows)
	equal(t, "components after run 3", len(agent.Components), sampleComponents)
	equal(t, "gauges after run 3", metricNames(flows.ID(), "aws.flowlog.")["aws.flowlog.bytes_sent"],
		sampleRelations)
	equal(t, "commits", aggregator.Recorded(flows.ID()).Commits(), 3)
}

func TestServiceChecksHaveTheInstancesTagsOnce(t *testing.T) {
	_, instance := sample(t, "tags")
	flows := mustLoad(t, "aws_flowlogs", instance)
	mustRun(t, flows)
	found := map[string]bool{}
	for _, service := range aggregator.Recorded(flows.ID()).ServiceChecks() {
		found[service.Name] = true
		equal(t, service.Name, int(service.Status), 0)
		sort.Strings(service.Tags)
		equal(t, service.Name+" tags", service.Tags, []string{"env:demo", "service:shop"})
	}
	equal(t, "service checks", found,
		map[string]bool{"aws_flowlogs.can_connect": true, "aws_flowlogs.can_update": true})
}

func TestNothingIsDeletedBeforeTheReceiverHasIt(t *testing.T) {
	root, instance := sample(t, "held")
	flows := mustLoad(t, "aws_flowlogs", instance)
	handler.GetCheckManager().Hold = true
	defer func() { handler.GetCheckManager().Hold = false }()
	for i := 0; i < 3; i++ {
		mustRun(t, flows)
		equal(t, "objects", objects(t, root, "held"), sampleObjects)
	}
	equal(t, "components", len(recorded(flows).Components), sampleComponents)
	recorded(flows).Deliver()
	mustRun(t, flows)
	equal(t, "objects at last", objects(t, root, "held"), 0)
}

func TestTheLibraryKnowsTheAgentsSettings(t *testing.T) {
	defer config.Datadog.Set("check_transactionality_enabled", true)
	config.Datadog.Set("check_transactionality_enabled", false)
	root, instance := sample(t, "settings")
	flows := mustLoad(t, "aws_flowlogs", instance)
	mustRun(t, flows)
	calls := recorded(flows).Called()
	if len(calls) != 2 || !strings.HasPrefix(calls[0], "state aws_flowlogs:") {
		t.Errorf("found %v, expected a state without a transaction", calls)
	}
	mustRun(t, flows)
	equal(t, "objects", objects(t, root, "settings"), 0)
}

func TestARestartCountsNothingTwice(t *testing.T) {
	root, instance := sample(t, "restart")
	before := mustLoad(t, "aws_flowlogs", instance)
	mustRun(t, before)
	before.Cancel()
	after := mustLoad(t, "aws_flowlogs", instance)
	mustRun(t, after)
	equal(t, "components", len(recorded(after).Components), 0)
	equal(t, "gauges", len(metricNames(after.ID(), "aws.flowlog.")), 0)
	equal(t, "objects", objects(t, root, "restart"), 0)
}

func TestInstancesRunAtOnce(t *testing.T) {
	var running sync.WaitGroup
	checks := []check.Check{}
	for _, bucket := range []string{"first", "second"} {
		_, instance := sample(t, bucket)
		checks = append(checks, mustLoad(t, "aws_flowlogs", instance))
	}
	for i := 0; i < 4; i++ {
		checks = append(checks, mustLoad(t, "stub", script("many 500; metric m 1; log one; get k")))
	}
	for _, c := range checks {
		running.Add(1)
		go func(c check.Check) {
			defer running.Done()
			for i := 0; i < 3; i++ {
				if err := c.Run(); err != nil {
					t.Errorf("%s: %v", c.ID(), err)
				}
			}
		}(c)
	}
	running.Wait()
	for _, c := range checks {
		expected := 3 * 500
		if c.String() == "aws_flowlogs" {
			expected = sampleComponents
		}
		equal(t, string(c.ID()), len(recorded(c).Components), expected)
	}
}

func TestEveryCallbackArrives(t *testing.T) {
	c := mustLoad(t, "stub", script("begin; component c1; relation a b; snapshot; delete c1; "+
		"transaction-state tk tv; end; metric m 2.5; raw-metric r; service s 2 down; echo; "+
		"state k v; expect k v; ask; log careful; discard because it is late"))
	mustRun(t, c)
	agent := recorded(c)
	equal(t, "calls", agent.Called(), []string{"start", "start snapshot stub loopback",
		"stop snapshot stub loopback", "transaction state", "stop", "state k",
		"discard because it is late", "complete"})
	equal(t, "component", agent.Components[0].ExternalID, "c1")
	equal(t, "component's data", agent.Components[0].Data["URN"],
		[]interface{}{"urn:vpcip:vpc-1/10.0.0.1", "urn:host:/1.2.3.4"})
	equal(t, "relation", agent.Relations[0].ExternalID, "a-thing-b")
	equal(t, "deleted", agent.Deleted, []string{"c1"})
	tags := []string{"source:a", "target:b"}
	equal(t, "metric", aggregator.Recorded(c.ID()).Metrics(), []aggregator.Metric{
		{Type: "gauge", Name: "m", Hostname: "stub-host", Value: 2.5, Tags: tags}})
	equal(t, "service", aggregator.Recorded(c.ID()).ServiceChecks(), []aggregator.ServiceCheck{
		{Name: "s", Hostname: "stub-host", Message: "down", Status: 2, Tags: tags}})
	raw := agent.RawMetrics[0]
	equal(t, "raw metric", fmt.Sprint(raw), "{r 1700000000 stub-host 1.5 [source:a target:b]}")
	event := agent.Events[0]
	equal(t, "init_config", event.Title, "{}\n")
	contains(t, "instance", event.Text, "script: 'begin; component c1")
	equal(t, "event", fmt.Sprint(event.Ts, event.Host, event.Tags),
		fmt.Sprint(int64(1700000000), "stub-host", tags))
	equal(t, "warnings", fmt.Sprint(c.GetWarnings()), "[careful]")
	equal(t, "warnings again", len(c.GetWarnings()), 0)
}

func TestARunsErrorIsTheLibrarys(t *testing.T) {
	c := mustLoad(t, "stub", script("component c; 1:fail the bucket is gone"))
	err := c.Run()
	if err == nil || err.Error() != "the bucket is gone" {
		t.Errorf("found %v", err)
	}
	equal(t, "delivered all the same", recorded(c).Called(), []string{"complete"})
	equal(t, "commits", aggregator.Recorded(c.ID()).Commits(), 1)
	mustRun(t, c)
}

func TestWhatIsNotJSONIsDropped(t *testing.T) {
	c := mustLoad(t, "stub", script("component-json bad {\"externalId\":; component good"))
	mustRun(t, c)
	equal(t, "components", len(recorded(c).Components), 1)
	equal(t, "logged", log.Has("ERROR", string(c.ID())+": a component was dropped"), true)
}

func TestAPanicEndsInItsCallbackAndKeepsNoState(t *testing.T) {
	c := mustLoad(t, "stub", script("1:begin; 1:transaction-state pt pv; 1:component bad; "+
		"1:component good; 1:end; 1:state ps pv; 2:expect pt {}; 2:expect ps {}"))
	recorded(c).OnComponent = func(component topology.Component) {
		if component.ExternalID == "bad" {
			panic("no such thing")
		}
	}
	err := c.Run()
	if err == nil || err.Error() != "the agent failed in submit_component: no such thing" {
		t.Errorf("the run: %v", err)
	}
	equal(t, "components", len(recorded(c).Components), 1)
	equal(t, "calls", recorded(c).Called(), []string{"start", "transaction state",
		"discard the agent failed in submit_component: no such thing", "complete"})
	equal(t, "logged", log.Has("ERROR", "panic in submit_component: no such thing"), true)
	recorded(c).OnComponent = nil
	mustRun(t, c)
}

func TestCallbacksOfAnotherThreadOrCheckAreDropped(t *testing.T) {
	c := mustLoad(t, "stub", script("thread; wrong-id; component good"))
	mustRun(t, c)
	equal(t, "components", len(recorded(c).Components), 1)
	equal(t, "thread", log.Has("ERROR", "submit_component was called from a thread that runs"), true)
	equal(t, "id", log.Has("ERROR", `start_transaction of check "someone-else" was called by`), true)
}

// Two instances may not read one bucket: the former has to be gone.
func TestAnotherConfigurationOfOneBucket(t *testing.T) {
	_, instance := sample(t, "again")
	flows := mustLoad(t, "aws_flowlogs", instance)
	mustRun(t, flows)
	instance = strings.Replace(instance, "env:demo", "env:other", 1)
	if err := flows.Configure(integration.Data(instance), integration.Data("{}\n"), ""); err != nil {
		t.Fatal(err)
	}
	mustRun(t, flows)
}

func TestTheLibraryKnowsTheInterval(t *testing.T) {
	for _, row := range []struct {
		keys     string
		interval time.Duration
		told     string
	}{
		{"", time.Minute, ""},
		{"collection_interval: 30\n", 30 * time.Second, "30"},
		{"min_collection_interval: 300\n", 5 * time.Minute, "300"},
		{"min_collection_interval: 300\ncollection_interval: 45\n", 45 * time.Second, "45"},
		{"collection_interval: -1\n", time.Minute, "-1"},
	} {
		c := mustLoad(t, "stub", row.keys+script("echo"))
		equal(t, row.keys, c.Interval(), row.interval)
		mustRun(t, c)
		told := integration.Data(recorded(c).Events[0].Text)
		equal(t, row.keys, told.Value("collection_interval"), row.told)
	}
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	for _, row := range []struct{ instance, expected string }{
		{"process_flow_logs: true\nregions: [eu-west-1]\n", "instance.role_arn: not set"},
		{"regions: [\n", "instance"},
		{"collection_interval: 0.5\nnumber: 1\n", "collection_interval"},
	} {
		c, err := load("aws_flowlogs", row.instance)
		if c != nil || err == nil {
			t.Fatalf("%q: found %v, %v", row.instance, c, err)
		}
		contains(t, row.instance, err.Error(), row.expected)
		contains(t, row.instance, err.Error(), "could not configure check aws_flowlogs")
		id := check.BuildID("aws_flowlogs", integration.Data(row.instance), integration.Data("{}\n"))
		if strings.HasPrefix(row.expected, "instance") {
			equal(t, "sender", aggregator.Recorded(id) == nil, true)
		}
	}
}

func TestOtherChecksAreDeclined(t *testing.T) {
	errorsBefore, warningsBefore := len(log.Lines("ERROR")), len(log.Lines("WARN"))
	for _, name := range []string{"cpu", "", "../stub", "x/../stub", "/stub", "Stub", "stub.so",
		"stub\x00", strings.Repeat("a", 65)} {
		c, err := load(name, script(""))
		if c != nil || err == nil {
			t.Fatalf("%q: found %v, %v", name, c, err)
		}
		contains(t, name, err.Error(), "no library for check "+name+" in ["+folders+"]")
	}
	equal(t, "errors", len(log.Lines("ERROR")), errorsBefore)
	equal(t, "warnings", len(log.Lines("WARN")), warningsBefore)
}

func TestLibrariesThatAreNoneAreRefused(t *testing.T) {
	for _, row := range []struct{ name, expected string }{
		{"next_abi", "libstackstate_check_next_abi.so has check ABI version 2, this agent has 1: " +
			"install the library that matches the agent"},
		{"without_run", "libstackstate_check_without_run.so does not export stackstate_check_run: " +
			"not a StackState check library"},
		{"text", "cannot load the check library: "},
	} {
		c, err := load(row.name, script(""))
		if c != nil || err == nil {
			t.Fatalf("%s: found %v, %v", row.name, c, err)
		}
		contains(t, row.name, err.Error(), row.expected)
	}
}

func TestWhereLibrariesAreLookedFor(t *testing.T) {
	defer config.Datadog.Set("native_checks_path", folders)
	config.Datadog.Set("native_checks_path", "relative")
	_, err := load("stub", script(""))
	if err == nil || !strings.Contains(err.Error(), `"relative" is not an absolute path`) {
		t.Errorf("found %v", err)
	}
	config.Datadog.Set("native_checks_path", "")
	t.Setenv("STS_NATIVE_CHECKS_PATH", folders)
	mustRun(t, mustLoad(t, "stub", script("component c")))
	t.Setenv("STS_NATIVE_CHECKS_PATH", "")
	_, err = load("stub", script(""))
	if err == nil || !strings.Contains(err.Error(), "/opt/stackstate-agent/lib") {
		t.Errorf("found %v", err)
	}
}
