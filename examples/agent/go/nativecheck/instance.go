//go:build linux && cgo
// +build linux,cgo

package nativecheck

/*
#include <stdlib.h>

#include "native.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// A run that has not made its first callback by then has arrived in the library all the same.
const arrivalTime = 100 * time.Millisecond

var errStopped = errors.New("the check was stopped")

// call is one call of an entry point. Callbacks find it through their thread.
type call struct {
	checkID string
	// warn gets what the library logs as a warning, so that the agent's status shows it; may be nil.
	warn    func(message string)
	arrived chan struct{}
	once    sync.Once
	done    chan struct{}
	// failure is a callback that could not be served. Only the call's own thread uses it.
	failure error
}

func newCall(checkID string, warn func(string)) *call {
	return &call{checkID: checkID, warn: warn, arrived: make(chan struct{}), done: make(chan struct{})}
}

func (c *call) arrive() {
	c.once.Do(func() { close(c.arrived) })
}

// calls has those in progress by the numbers that C knows them by: it may not keep Go's pointers.
var calls = struct {
	sync.Mutex
	last     C.uintptr_t
	byNumber map[C.uintptr_t]*call
}{byNumber: map[C.uintptr_t]*call{}}

// enter is to be followed by leave, when the entry point has returned.
func (c *call) enter() C.uintptr_t {
	calls.Lock()
	defer calls.Unlock()
	calls.last++
	calls.byNumber[calls.last] = c
	return calls.last
}

func leave(number C.uintptr_t) {
	calls.Lock()
	defer calls.Unlock()
	delete(calls.byNumber, number)
}

func findCall(number C.uintptr_t) *call {
	calls.Lock()
	defer calls.Unlock()
	return calls.byNumber[number]
}

// instance is one configured check of a library. Run and close may come from different goroutines.
type instance struct {
	library *library
	checkID string
	handle  *C.struct_stackstate_check

	mutex    sync.Mutex
	current  *call // the run in progress
	isClosed bool
}

func (l *library) configure(checkID, initConfig, instanceConfig string,
	warn func(string)) (*instance, error) {
	cCheckID := C.CString(checkID)
	defer C.free(unsafe.Pointer(cCheckID))
	cInitConfig := C.CString(initConfig)
	defer C.free(unsafe.Pointer(cInitConfig))
	cInstance := C.CString(instanceConfig)
	defer C.free(unsafe.Pointer(cInstance))

	number := newCall(checkID, warn).enter()
	defer leave(number)
	var text [errorSize]C.char
	configured := &instance{library: l, checkID: checkID}
	// The library writes its pointer through one of C's; Go's memory would do, but only just.
	cell := (**C.struct_stackstate_check)(C.calloc(1, C.size_t(unsafe.Sizeof(configured.handle))))
	if cell == nil {
		return nil, errors.New("no memory")
	}
	defer C.free(unsafe.Pointer(cell))
	if C.nativecheck_configure(&l.symbols, number, cCheckID, cInitConfig, cInstance,
		cell, &text[0], errorSize) != 0 {
		return nil, textError(&text, "the library refused the configuration and did not say why")
	}
	configured.handle = *cell
	return configured, nil
}

// run is one pass. It fails when another is in progress, after close, and when a callback failed.
func (i *instance) run(warn func(string)) error {
	current, err := i.begin(warn)
	if err != nil {
		return err
	}
	defer i.end(current)
	number := current.enter()
	defer leave(number)
	var text [errorSize]C.char
	if C.nativecheck_run(&i.library.symbols, number, i.handle, &text[0],
		errorSize) != 0 {
		return textError(&text, "the run failed and the library did not say why")
	}
	return current.failure
}

func (i *instance) begin(warn func(string)) (*call, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.isClosed {
		return nil, errStopped
	}
	if i.current != nil {
		return nil, fmt.Errorf("%s is running already", i.checkID)
	}
	i.current = newCall(i.checkID, warn)
	return i.current, nil
}

func (i *instance) end(current *call) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.current = nil
	close(current.done)
}

// close tears the instance down and is for whoever took it out of its check: once. A run in progress
// returns with an error before close does, unless a callback blocks: then close returns after 2
// seconds and the run when it can.
func (i *instance) close() {
	i.mutex.Lock()
	i.isClosed = true
	current := i.current
	i.mutex.Unlock()

	if current != nil {
		// The library cannot know of a run that is still on its way into it.
		select {
		case <-current.arrived:
		case <-current.done:
		case <-time.After(arrivalTime):
		}
	}
	number := newCall(i.checkID, nil).enter()
	defer leave(number)
	C.nativecheck_teardown(&i.library.symbols, number, i.handle)
}

func textError(text *[errorSize]C.char, otherwise string) error {
	if message := C.GoString(&text[0]); message != "" {
		return errors.New(message)
	}
	return errors.New(otherwise)
}
