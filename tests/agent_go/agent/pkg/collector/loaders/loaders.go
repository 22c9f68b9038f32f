// Package loaders stands in for the agent's catalog of loaders.
package loaders

import (
	"sort"

	"github.com/StackVista/stackstate-agent/pkg/collector/check"
)

// LoaderFactory makes a loader once the agent is up.
type LoaderFactory func() (check.Loader, error)

var factories = map[int][]LoaderFactory{}

// RegisterLoader adds a loader; those of lower order are asked first.
func RegisterLoader(order int, factory LoaderFactory) {
	factories[order] = append(factories[order], factory)
}

// LoaderCatalog answers the loaders in their order.
func LoaderCatalog() []check.Loader {
	var orders []int
	for order := range factories {
		orders = append(orders, order)
	}
	sort.Ints(orders)
	var catalog []check.Loader
	for _, order := range orders {
		for _, factory := range factories[order] {
			if loader, err := factory(); err == nil {
				catalog = append(catalog, loader)
			}
		}
	}
	return catalog
}
