//go:build linux && cgo
// +build linux,cgo

// Package nativecheck runs checks that come as shared libraries, libstackstate_check_NAME.so, with
// the interface of stackstate_check.h.
package nativecheck

import (
	"fmt"

	"github.com/StackVista/stackstate-agent/pkg/autodiscovery/integration"
	"github.com/StackVista/stackstate-agent/pkg/collector/check"
	"github.com/StackVista/stackstate-agent/pkg/collector/check/handler"
	"github.com/StackVista/stackstate-agent/pkg/collector/loaders"
	"github.com/StackVista/stackstate-agent/pkg/util/log"
)

// The lowest order is asked first; the loader of Python checks has 20, that of Go checks 30.
const loaderOrder = 10

// Loader loads the checks that have a library.
type Loader struct{}

var _ check.Loader = (*Loader)(nil)

func init() {
	loaders.RegisterLoader(loaderOrder, func() (check.Loader, error) { return &Loader{}, nil })
}

// Name is what a configuration may select with `loader: native`.
func (*Loader) Name() string {
	return "native"
}

func (*Loader) String() string {
	return "Native Check Loader"
}

// Load answers no check but an error when there is no library for this name, as the other loaders
// do: the agent then asks the next one.
func (*Loader) Load(config integration.Config, data integration.Data) (check.Check, error) {
	folders := libraryFolders()
	path, err := findLibrary(folders, config.Name)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, fmt.Errorf("no library for check %s in %v", config.Name, folders)
	}
	opened, err := openLibrary(path)
	if err != nil {
		return nil, err
	}
	loaded := newCheck(config.Name, opened)
	if err := loaded.Configure(data, config.InitConfig, config.Source); err != nil {
		return nil, fmt.Errorf("could not configure check %s: %w", config.Name, err)
	}
	handler.GetCheckManager().RegisterCheckHandler(loaded, data, config.InitConfig)
	log.Debugf("nativecheck: loaded %s from %s", loaded.ID(), path)
	return loaded, nil
}
