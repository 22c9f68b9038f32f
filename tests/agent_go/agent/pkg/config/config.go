// Package config stands in for the agent's own configuration.
package config

import "fmt"

// Config answers settings by their keys.
type Config struct {
	values map[string]interface{}
}

// Datadog is the agent's configuration.
var Datadog = &Config{values: map[string]interface{}{}}

// Set is for tests.
func (c *Config) Set(key string, value interface{}) { c.values[key] = value }

// IsSet tells whether there is such a setting.
func (c *Config) IsSet(key string) bool { return c.values[key] != nil }

// Get answers nil where there is none.
func (c *Config) Get(key string) interface{} { return c.values[key] }

// GetString answers "" where there is none.
func (c *Config) GetString(key string) string {
	if c.values[key] == nil {
		return ""
	}
	return fmt.Sprint(c.values[key])
}
