//go:build linux && cgo
// +build linux,cgo

package nativecheck

/*
#cgo CFLAGS: -std=c11 -Wall
#cgo LDFLAGS: -ldl

#include <stdlib.h>

#include "native.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"unsafe"
)

const errorSize = 1024

// Where libraries are looked for when the agent's configuration names no folder.
var defaultFolders = []string{
	"/opt/stackstate-agent/lib/stackstate-checks",
	"/opt/stackstate-agent/lib",
	"/usr/local/lib/stackstate-checks",
	"/usr/lib/stackstate-checks",
}

// A check's name may come from a container's annotations, and it becomes part of a path.
var soundName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// library is a check library in this process. It is never closed: a run whose teardown was given up
// on may still be in it.
type library struct {
	path    string
	symbols C.struct_nativecheck_library
}

var libraries = struct {
	sync.Mutex
	byPath map[string]*library
}{byPath: map[string]*library{}}

// findLibrary answers "" when the check is somebody else's.
func findLibrary(folders []string, checkName string) (string, error) {
	if !soundName.MatchString(checkName) {
		return "", nil
	}
	file := "libstackstate_check_" + strings.ReplaceAll(checkName, "-", "_") + ".so"
	for _, folder := range folders {
		path := filepath.Join(folder, file)
		// Without a slash dlopen would search the system's folders instead.
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("%s: %q is not an absolute path", foldersSetting, folder)
		}
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("check library: %w", err)
		}
	}
	return "", nil
}

// openLibrary opens each library once; a new version is taken when the agent restarts.
func openLibrary(path string) (*library, error) {
	libraries.Lock()
	defer libraries.Unlock()
	if known := libraries.byPath[path]; known != nil {
		return known, nil
	}
	opened := &library{path: path}
	cPath := C.CString(path)
	defer C.free(unsafe.Pointer(cPath))
	var text [errorSize]C.char
	if C.nativecheck_open(cPath, &opened.symbols, &text[0], errorSize) != 0 {
		return nil, errors.New(C.GoString(&text[0]))
	}
	libraries.byPath[path] = opened
	return opened, nil
}
