package nativecheck

import (
	"os"
	"path/filepath"
	"testing"
)

// The check itself can hardly be made to start a run in the moment that it is stopped.
func TestAnInstanceThatIsClosedDoesNotRun(t *testing.T) {
	opened, err := openLibrary(filepath.Join(os.Getenv("NATIVE_CHECKS"), "libstackstate_check_stub.so"))
	if err != nil {
		t.Fatal(err)
	}
	closed, err := opened.configure("stub:closed", "{}", "script: 'component c'\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.run(nil); err != nil {
		t.Errorf("before: %v", err)
	}
	closed.close()
	if err := closed.run(nil); err != errStopped {
		t.Errorf("after: %v", err)
	}
	if len(calls.byNumber) != 0 {
		t.Errorf("%d calls are still known", len(calls.byNumber))
	}
}
