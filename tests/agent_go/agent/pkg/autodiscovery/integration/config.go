// Package integration stands in for the agent's: what configurations are. Its YAML is one
// `key: value` a line, which is what the tests write.
package integration

import (
	"bytes"
	"fmt"
	"strings"
)

// Data is YAML.
type Data []byte

// Config is what one conf.yaml becomes.
type Config struct {
	Name       string
	Instances  []Data
	InitConfig Data
	Source     string
}

// Value answers the text of a key of the outermost map; the agent unmarshals instead.
func (d Data) Value(key string) string {
	for _, line := range strings.Split(string(d), "\n") {
		if strings.HasPrefix(line, key+": ") {
			return strings.TrimSpace(strings.TrimPrefix(line, key+": "))
		}
	}
	return ""
}

// SetField replaces a key or adds it.
func (d *Data) SetField(key string, value interface{}) error {
	var kept []string
	for _, line := range strings.Split(strings.TrimRight(string(*d), "\n"), "\n") {
		if !strings.HasPrefix(line, key+":") {
			kept = append(kept, line)
		}
	}
	var changed bytes.Buffer
	fmt.Fprintf(&changed, "%s\n%s: %v\n", strings.Join(kept, "\n"), key, value)
	*d = changed.Bytes()
	return nil
}
